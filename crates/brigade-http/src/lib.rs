//! brigade-http.
