use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};

/// Random inputs for each property.
const CASES: u32 = 2000;

/// Runs the property on each input of the corpus of `name`. Returns the inputs.
fn run_corpus(name: &str, property: fn(&[u8])) -> Vec<Vec<u8>> {
    let folder = fuzz().join("corpus").join(name);
    let mut files = entries(&folder);
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    let run = |file: PathBuf| {
        // If the test fails, the last printed file is the failing input.
        println!("{}", file.display());
        let bytes = fs::read(file).unwrap();
        property(&bytes);
        bytes
    };
    files.into_iter().map(run).collect()
}

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| {
        panic!("{}: {error}", folder.display());
    });
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// Bytes with a readable `Debug`.
#[derive(Clone)]
struct Input(Vec<u8>);

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

/// An input of `corpus` with a part of another spliced in and some bytes changed.
fn changed(corpus: &[Vec<u8>]) -> impl Strategy<Value = Input> {
    let one = || prop::sample::select(corpus.to_vec());
    let cuts = any::<[Index; 4]>();
    let bytes = prop::collection::vec((any::<Index>(), any::<u8>()), 0..4);
    (one(), one(), cuts, bytes).prop_map(|(mut input, other, [a, b, c, d], bytes)| {
        let between = |a: Index, b: Index, length: usize| {
            let (a, b) = (a.index(length + 1), b.index(length + 1));
            a.min(b)..a.max(b)
        };
        let (place, part) = (between(a, b, input.len()), between(c, d, other.len()));
        input.splice(place, other[part].iter().copied());
        for (at, byte) in bytes {
            let at = at.index(input.len() + 1);
            input.splice(at..input.len().min(at + 1), [byte]);
        }
        Input(input)
    })
}

fn check(name: &str, property: fn(&[u8])) {
    let corpus = run_corpus(name, property);
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    };
    let any_bytes = prop::collection::vec(any::<u8>(), 0..200).prop_map(Input);
    let inputs = prop_oneof![3 => changed(&corpus), 1 => any_bytes];
    let result = TestRunner::new(config).run(&inputs, |Input(bytes)| {
        property(&bytes);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{name}: {error}");
    }
}

/// Defines a test for each property, and the list of their names.
macro_rules! properties {
    ($($name:ident)*) => {
        const NAMES: &[&str] = &[$(stringify!($name)),*];
        $(
            #[test]
            fn $name() {
                check(stringify!($name), super::$name);
            }
        )*
    };
}

properties! {
    body cursor edit event event_stream forwarded host message names origin payload query target
}

#[test]
fn each_property_has_a_fuzz_target_and_a_corpus() {
    for folder in ["corpus", "fuzz_targets"] {
        let mut found: Vec<String> = entries(&fuzz().join(folder))
            .iter()
            .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        found.sort();
        assert_eq!(found, NAMES, "{folder}");
    }
}
