//! What strangers send, as bytes: each parser of the client with every input that was worth keeping.
//!
//! The bodies are those of the fuzz targets in `fuzz/`, which search for new inputs. What they found
//! is committed in `fuzz/corpora`, and played here with every run of the tests. A body says what must
//! hold for any bytes, most of all that it comes to an end.

mod stage;

/// A target: its name, and its body.
type Target = (&'static str, fn(&[u8]));

macro_rules! targets {
    ($($name:ident),* $(,)?) => {
        $(mod $name;)*
        const TARGETS: &[Target] = &[$((stringify!($name), $name::run)),*];
        $(
            #[test]
            fn $name() {
                replay(stringify!($name), $name::run);
            }
        )*
    };
}

targets![
    cookies, decode, events, http1, http2, lines, link, response, websocket
];

/// Plays every input of a corpus.
fn replay(name: &str, body: fn(&[u8])) {
    let folder = corpora().join(name);
    let inputs = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("cannot list {}: {error}", folder.display()));
    let mut played = 0;
    for input in inputs {
        let path = input.expect("the folder can be read").path();
        let data = std::fs::read(&path).expect("an input can be read");
        let shown = path.display().to_string();
        if std::panic::catch_unwind(|| body(&data)).is_err() {
            panic!("the body of {name} failed with {shown}");
        }
        played += 1;
    }
    assert!(played >= 10, "only {played} inputs in {}", folder.display());
}

fn corpora() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpora")
}

#[test]
fn h21a_every_target_has_a_corpus_and_every_corpus_a_target() {
    let mut found: Vec<_> = std::fs::read_dir(corpora())
        .expect("there are corpora")
        .map(|folder| {
            folder
                .expect("it can be read")
                .file_name()
                .into_string()
                .expect("a name")
        })
        .collect();
    found.sort();
    let known: Vec<_> = TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(found, known);
}

/// Bytes that nobody chose end every target, too.
#[test]
fn h21b_random_bytes_come_to_an_end_in_every_target() {
    for (name, body) in TARGETS {
        for seed in 0..200 {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut data = vec![0; random.usize(0..2_000)];
            random.fill(&mut data);
            if std::panic::catch_unwind(|| body(&data)).is_err() {
                panic!("the body of {name} failed with the random bytes of seed {seed}");
            }
        }
    }
}
