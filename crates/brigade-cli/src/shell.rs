//! Words as a shell reads them back: a command that is shown can be copied and run.
//!
//! A plain word stays as it is. It never shows a control character, and never a word that a shell
//! would split, expand or take for a flag.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The path as one word of a shell, and no flag.
pub(crate) fn word(path: &Path) -> String {
    let bytes = path.as_os_str().as_bytes();
    let here = if bytes.starts_with(b"-") { "./" } else { "" };
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-+,:@%=".contains(byte);
    match path.to_str() {
        // Some shells look for a command behind a '=' at the beginning.
        Some(text) if !matches!(bytes, [] | [b'=', ..]) && bytes.iter().all(is_plain) => {
            format!("{here}{text}")
        }
        Some(text) if !text.contains(char::is_control) => {
            format!("'{here}{}'", text.replace('\'', r"'\''"))
        }
        _ => format!("$'{here}{}'", escaped(bytes)),
    }
}

/// What stands between `$'` and `'`, which bash, zsh and the newest POSIX read.
fn escaped(bytes: &[u8]) -> String {
    let each = bytes.iter().map(|byte| match byte {
        b'\'' | b'\\' => format!("\\{}", char::from(*byte)),
        b' '..=b'~' => char::from(*byte).to_string(),
        // Three digits: what follows may be a digit, too.
        other => format!("\\{other:03o}"),
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;
    use std::process::Command;

    #[test]
    fn f11i_a_path_is_a_word_that_a_shell_reads_back() {
        let directory = tempfile::tempdir().unwrap();
        for (name, expected) in [
            (&b"out"[..], "out"),
            (b"/tmp/a-b_c.d/0", "/tmp/a-b_c.d/0"),
            (b"-o", "./-o"),
            (b"my out", "'my out'"),
            (b"-my out", "'./-my out'"),
            (b"~", "'~'"),
            // In zsh, the path of the command `out`.
            (b"=out", "'=out'"),
            (b"$HOME", "'$HOME'"),
            (b"it's", r"'it'\''s'"),
            ("Größe".as_bytes(), "'Größe'"),
            (b"", "''"),
            (b"a\nb\x1b1'\\", r"$'a\012b\0331\'\\'"),
            (b"\xff", r"$'\377'"),
        ] {
            let path = Path::new(OsStr::from_bytes(name));
            let word = word(path);
            assert_eq!(word, expected);
            let bash = Command::new("bash")
                .current_dir(directory.path())
                .args(["-c", &format!("printf %s {word}")])
                .output();
            let Ok(read) = bash else {
                continue;
            };
            let read = read.stdout.strip_prefix(b"./").unwrap_or(&read.stdout);
            assert_eq!(read, name, "{word}");
        }
    }
}
