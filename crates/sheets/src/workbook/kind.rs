//! Detects the format of a workbook from its content.

use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};

use zip::ZipArchive;

use super::ole;

/// The format of a workbook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkbookKind {
    /// Office Open XML, with or without macros.
    Xlsx,
    /// Office Open XML with binary parts.
    Xlsb,
    /// The format of Excel before 2007.
    Xls,
    /// OpenDocument.
    Ods,
}

impl WorkbookKind {
    /// Detects the format and rewinds the source; returns `None` if it is not a workbook.
    ///
    /// A truncated or damaged workbook is recognized if its first bytes suffice. A container with an encrypted package
    /// is reported as `Xlsx`, whatever the package is. Opening such a workbook returns the matching error.
    pub fn sniff<R: Read + Seek>(source: &mut R) -> io::Result<Option<Self>> {
        let mut head = Vec::new();
        source.seek(SeekFrom::Start(0))?;
        source.by_ref().take(64).read_to_end(&mut head)?;
        source.seek(SeekFrom::Start(0))?;
        let kind = match head.as_slice() {
            [b'P', b'K', 3, 4, ..] => Self::of_archive(source, &head),
            head if head.starts_with(ole::SIGNATURE) => Self::of_ole(source),
            _ => None,
        };
        source.seek(SeekFrom::Start(0))?;
        Ok(kind)
    }

    fn of_archive<R: Read + Seek>(source: &mut R, head: &[u8]) -> Option<Self> {
        let Ok(mut archive) = ZipArchive::new(source) else { return Self::of_first_member(head) };
        let mut mime = Vec::new();
        if let Ok(part) = archive.by_name("mimetype") {
            part.take(46).read_to_end(&mut mime).ok()?;
        }
        if mime == b"application/vnd.oasis.opendocument.spreadsheet" {
            return Some(Self::Ods);
        }
        let has = |end: &str| archive.file_names_raw().any(|name| name.to_ascii_lowercase().ends_with(end.as_bytes()));
        match () {
            () if has("workbook.bin") => Some(Self::Xlsb),
            () if has("workbook.xml") => Some(Self::Xlsx),
            () => None,
        }
    }

    /// Detects the format of an archive whose directory, at its end, is missing.
    fn of_first_member(head: &[u8]) -> Option<Self> {
        let name = head.get(30..)?;
        if name.starts_with(b"mimetypeapplication/vnd.oasis.") {
            return Some(Self::Ods);
        }
        let members: [&[u8]; 4] = [b"[Content_Types].xml", b"_rels/", b"docProps/", b"xl/"];
        members.iter().any(|member| name.starts_with(member)).then_some(Self::Xlsx)
    }

    fn of_ole<R: Read + Seek>(source: &mut R) -> Option<Self> {
        let Ok(container) = super::guarded(|| Ok(ole::Container::open(source)?)) else { return Some(Self::Xls) };
        match () {
            () if container.is_encrypted() => Some(Self::Xlsx),
            () if container.has_workbook() => Some(Self::Xls),
            () => None,
        }
    }
}

impl fmt::Display for WorkbookKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Xlsx => "xlsx",
            Self::Xlsb => "xlsb",
            Self::Xls => "xls",
            Self::Ods => "ods",
        })
    }
}
