//! The function library. Its name has a hash of its text, so that servers of two versions
//! work on one history: each calls its own library.

use std::sync::LazyLock;

use sha2::{Digest as _, Sha256};

const TEXT: &str = include_str!("functions.lua");
/// The name in the text. The names of the functions begin with it.
const NAME: &str = "sse_chat";

/// The library of this version.
pub(crate) static LIBRARY: LazyLock<Library> = LazyLock::new(Library::new);

/// A library as it is loaded.
pub(crate) struct Library {
    pub(crate) text: String,
    name: String,
}

impl Library {
    fn new() -> Self {
        let hash = Sha256::digest(TEXT);
        let hash: String = hash[..4].iter().map(|byte| format!("{byte:02x}")).collect();
        let name = format!("{NAME}_{hash}");
        Self {
            text: TEXT.replace(NAME, &name),
            name,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The name of a function.
    pub(crate) fn function(&self, function: &str) -> String {
        format!("{}_{function}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_names_have_the_hash() {
        let library = Library::new();
        let first = library.text.lines().next().unwrap();
        assert_eq!(first, format!("#!lua name={}", library.name));
        let registered = format!("register_writer('{}'", library.function("publish"));
        assert!(library.text.contains(&registered));
        assert!(!library.text.contains("'sse_chat_publish'"));
    }
}
