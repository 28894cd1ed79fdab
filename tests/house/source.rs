//! Rust source as far as the rules of the house need it: comments, names, and the
//! blocks that types are declared in. Strings and characters are left out.

/// A file's comments and code.
pub(crate) struct Source {
    /// The text of each comment by its first line.
    comments: Vec<(usize, String)>,
    /// Names, keywords, and the punctuation that ends or nests items.
    code: Vec<(usize, String)>,
}

/// A name or keyword. A macro's parameter has its `$`.
pub(crate) struct Token<'a> {
    pub(crate) line: usize,
    pub(crate) text: &'a str,
}

impl Source {
    pub(crate) fn read(text: &str) -> Self {
        let mut reader = Reader {
            rest: text,
            line: 1,
            source: Self {
                comments: Vec::new(),
                code: Vec::new(),
            },
        };
        while !reader.rest.is_empty() {
            reader.step();
        }
        reader.source
    }

    /// Comments of consecutive lines in one, each by its first line.
    pub(crate) fn paragraphs(&self) -> Vec<(usize, String)> {
        let mut paragraphs: Vec<(usize, String)> = Vec::new();
        let mut next = 0;
        for (line, text) in &self.comments {
            let bare = text.trim_start_matches(['/', '!', '*']).trim();
            match paragraphs.last_mut() {
                Some((_, paragraph)) if *line == next && !bare.is_empty() => {
                    paragraph.push(' ');
                    paragraph.push_str(bare);
                }
                _ => paragraphs.push((*line, bare.to_owned())),
            }
            next = if bare.is_empty() { 0 } else { line + 1 };
        }
        paragraphs
    }

    pub(crate) fn tokens(&self) -> impl Iterator<Item = Token<'_>> {
        let code = self.code.iter();
        code.map(|(line, text)| Token { line: *line, text })
    }

    /// The types that are declared outside of test modules; no associated types, and
    /// none that a macro names by a parameter.
    pub(crate) fn types(&self) -> Vec<String> {
        let mut types = Vec::new();
        self.items(|words, blocks| {
            let names = words.windows(2).filter(|pair| match pair[0] {
                _ if pair[1].starts_with('$') => false,
                "struct" | "enum" | "trait" => true,
                "type" => blocks.last() != Some(&Block::Impl),
                _ => false,
            });
            if !blocks.contains(&Block::Test) {
                types.extend(names.take(1).map(|pair| pair[1].to_owned()));
            }
        });
        types
    }

    /// The modules that are for tests only, and in files of their own.
    pub(crate) fn test_modules(&self) -> Vec<String> {
        let mut modules = Vec::new();
        self.items(|words, _| {
            if is_test_module(words) && words.last() == Some(&";") {
                modules.extend(words.iter().rev().nth(1).map(|name| (*name).to_owned()));
            }
        });
        modules
    }

    /// Calls `visit` with the words of each item or statement, up to its `;`, `{` or
    /// `}`, and the blocks around it.
    fn items(&self, mut visit: impl FnMut(&[&str], &[Block])) {
        let (mut blocks, mut words) = (Vec::new(), Vec::new());
        for (_, text) in &self.code {
            words.push(text.as_str());
            match text.as_str() {
                "{" => {
                    visit(&words, &blocks);
                    blocks.push(Block::of(&words));
                    words.clear();
                }
                "}" => {
                    visit(&words, &blocks);
                    blocks.pop();
                    words.clear();
                }
                ";" => {
                    visit(&words, &blocks);
                    words.clear();
                }
                _ => {}
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Block {
    /// An `impl` or a trait.
    Impl,
    /// A module for tests.
    Test,
    Other,
}

impl Block {
    fn of(words: &[&str]) -> Self {
        let is_item = |keyword| words.contains(&keyword) && !words.contains(&"fn");
        match words {
            words if is_test_module(words) => Self::Test,
            _ if is_item("impl") || is_item("trait") => Self::Impl,
            _ => Self::Other,
        }
    }
}

fn is_test_module(words: &[&str]) -> bool {
    let cfg = words.iter().position(|word| *word == "cfg");
    let end = words.iter().position(|word| *word == "mod");
    cfg.zip(end)
        .is_some_and(|(cfg, end)| cfg < end && words[cfg..end].contains(&"test"))
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
    source: Source,
}

impl Reader<'_> {
    fn step(&mut self) {
        let rest = self.rest;
        let first = rest.chars().next().unwrap_or_default();
        if rest.starts_with("//") {
            let end = rest.find('\n').unwrap_or(rest.len());
            self.comment(end);
        } else if rest.starts_with("/*") {
            self.comment(end_of_block_comment(rest));
        } else if let Some(length) = string(rest).or_else(|| character(rest)) {
            self.skip(length);
        } else if first.is_alphanumeric() || matches!(first, '_' | '$') {
            let is_word = |c: char| c.is_alphanumeric() || c == '_';
            let is_raw = rest
                .strip_prefix("r#")
                .is_some_and(|name| name.starts_with(is_word));
            let start = if is_raw { 2 } else { 0 };
            let start = start + usize::from(first == '$');
            let end = rest[start..].find(|c| !is_word(c));
            let end = end.map_or(rest.len(), |end| start + end);
            self.source.code.push((self.line, rest[..end].to_owned()));
            self.skip(end);
        } else {
            if matches!(first, '{' | '}' | ';') {
                self.source.code.push((self.line, first.to_string()));
            }
            self.skip(first.len_utf8());
        }
    }

    fn comment(&mut self, length: usize) {
        let lines = self.rest[..length].lines().enumerate();
        let comments = lines.map(|(at, text)| (self.line + at, text.trim().to_owned()));
        self.source.comments.extend(comments);
        self.skip(length);
    }

    fn skip(&mut self, length: usize) {
        self.line += self.rest[..length].matches('\n').count();
        self.rest = &self.rest[length..];
    }
}

/// Block comments nest.
fn end_of_block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                break;
            }
        } else {
            at += 1;
        }
    }
    at
}

/// The length of the string literal that the text begins with.
fn string(text: &str) -> Option<usize> {
    let bare = text.trim_start_matches(['b', 'c']);
    let prefix = text.len() - bare.len();
    if prefix > 1 {
        return None;
    }
    if let Some(raw) = bare.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        let body = raw[hashes..].strip_prefix('"')?;
        let end = body.find(&format!("\"{}", "#".repeat(hashes)))?;
        return Some(prefix + 1 + hashes + 1 + end + 1 + hashes);
    }
    let body = bare.strip_prefix('"')?;
    let mut is_escaped = false;
    let end = body.find(|c| {
        let is_end = c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        is_end
    });
    Some(prefix + 1 + end? + 1)
}

/// The length of the character literal that the text begins with; a lifetime is
/// none.
fn character(text: &str) -> Option<usize> {
    let body = text
        .strip_prefix("b'")
        .or_else(|| text.strip_prefix('\''))?;
    let prefix = text.len() - body.len();
    let end = match body.strip_prefix('\\') {
        // The escaped character may be a quote itself.
        Some(escape) => 1 + 1 + escape.get(1..)?.find('\'')?,
        None => body.chars().next()?.len_utf8(),
    };
    body[end..].starts_with('\'').then_some(prefix + end + 1)
}
