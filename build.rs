//! Prepares the chat page: the files of `assets/`, its scripts and styles joined,
//! each with its hash and, with the feature `compressed-page`, its compressed
//! encodings, as tables for `src/http/page/`.

use std::env;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::hash::{DefaultHasher, Hasher as _};
use std::path::{Path, PathBuf};

#[path = "src/http/page/join/mod.rs"]
mod join;
#[path = "src/http/page/template.rs"]
mod template;

use join::{PageFile, join};
use template::{PagePath, fill_in};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=assets");
    println!("cargo:rerun-if-changed=src/http/page");
    let mut files = read_folder(Path::new("assets"), "")?;
    let index = files
        .iter()
        .position(|file| file.path == "index.html")
        .ok_or("assets/index.html is missing")?;
    let index = without_indentation(&String::from_utf8(files.remove(index).bytes)?);
    if fill_in(&index, PagePath::Home, "").contains("{{") {
        return Err("assets/index.html has an unknown placeholder".into());
    }
    let mut files = join(files)?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let version = hash(
        files
            .iter()
            .flat_map(|file| [file.path.as_bytes(), &file.bytes]),
    );

    let out = PathBuf::from(env::var("OUT_DIR")?);
    let mut tables = format!(
        "/// A hash of all files together.\npub(super) const VERSION: &str = {version:?};\n"
    );
    for (name, at) in [("HOME", PagePath::Home), ("ROOM", PagePath::Room)] {
        let file = PageFile {
            path: format!("{}.html", name.to_lowercase()),
            bytes: fill_in(&index, at, &version).into_bytes(),
        };
        let entry = embed(&out, &file)?;
        writeln!(tables, "pub(super) static {name}: EmbeddedFile = {entry};")?;
    }
    tables.push_str("pub(super) static FILES: &[EmbeddedFile] = &[\n");
    for file in &files {
        writeln!(tables, "    {},", embed(&out, file)?)?;
    }
    tables.push_str("];\n");
    fs::write(out.join("page.rs"), tables)?;
    Ok(())
}

/// Its `pre` elements have no indented lines.
fn without_indentation(html: &str) -> String {
    let lines = html.lines().map(str::trim_start);
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// All files below a folder, except hidden ones.
fn read_folder(folder: &Path, below: &str) -> Result<Vec<PageFile>, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry
            .file_name()
            .into_string()
            .map_err(|_| "a name in assets/ is not UTF-8")?;
        if name.starts_with('.') {
            continue;
        }
        let path = format!("{below}{name}");
        if entry.file_type()?.is_dir() {
            files.extend(read_folder(&entry.path(), &format!("{path}/"))?);
        } else {
            files.push(PageFile {
                bytes: fs::read(entry.path())?,
                path,
            });
        }
    }
    Ok(files)
}

/// Writes a file and its compressed encodings; returns the Rust that embeds them.
fn embed(out: &Path, file: &PageFile) -> Result<String, Box<dyn Error>> {
    let tag = hash([file.path.as_bytes(), &file.bytes]);
    let [gzip, brotli] = compressed::forms(&file.bytes)?;
    let mut forms = Vec::new();
    for (end, bytes) in [
        ("plain", Some(file.bytes.clone())),
        ("gz", gzip),
        ("br", brotli),
    ] {
        let Some(bytes) = bytes else {
            forms.push("None".to_owned());
            continue;
        };
        let name = format!("{tag}.{end}");
        fs::write(out.join(&name), bytes)?;
        let include = format!("include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}\"))");
        forms.push(if end == "plain" {
            include
        } else {
            format!("Some({include})")
        });
    }
    Ok(format!(
        "EmbeddedFile {{ path: {:?}, tag: {tag:?}, plain: {}, gzip: {}, brotli: {} }}",
        file.path, forms[0], forms[1], forms[2],
    ))
}

/// 16 hex digits, the same for the same files as long as the compiler is the same.
fn hash<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hasher = DefaultHasher::new();
    for part in parts {
        hasher.write_usize(part.len());
        hasher.write(part);
    }
    format!("{:016x}", hasher.finish())
}

#[cfg(feature = "compressed-page")]
mod compressed {
    use std::io;

    /// The best quality, and a window of the size of these files.
    const BROTLI: (i32, i32) = (11, 20);

    /// The bytes in gzip and in Brotli; `None` for an encoding that saves nothing.
    pub(super) fn forms(plain: &[u8]) -> io::Result<[Option<Vec<u8>>; 2]> {
        let forms = [gzip(plain)?, brotli(plain)?];
        Ok(forms.map(|form| (form.len() < plain.len()).then_some(form)))
    }

    /// Zopfli, whose output is a few percent smaller than that of other encoders.
    fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        zopfli::compress(
            zopfli::Options::default(),
            zopfli::Format::Gzip,
            bytes,
            &mut out,
        )?;
        Ok(out)
    }

    fn brotli(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        let params = brotli::enc::BrotliEncoderParams {
            quality: BROTLI.0,
            lgwin: BROTLI.1,
            ..Default::default()
        };
        brotli::BrotliCompress(&mut &bytes[..], &mut out, &params)?;
        Ok(out)
    }
}

#[cfg(not(feature = "compressed-page"))]
mod compressed {
    use std::io;

    /// No encodings: the page is embedded as it is.
    pub(super) fn forms(_: &[u8]) -> io::Result<[Option<Vec<u8>>; 2]> {
        Ok([None, None])
    }
}
