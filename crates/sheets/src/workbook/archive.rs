//! Opens the zip archives of XLSX, XLSB and ODS files and verifies them before anything is parsed.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use memchr::memrchr;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use zip::ZipArchive;
use zip::result::ZipError;

use super::error::SheetError;

/// Maximum size of a streamed part. A sheet of a million rows of long notes has a tenth of it.
const MOST_PART_BYTES: u64 = 8 << 30;
/// Maximum size of the shared strings, which are kept in memory.
const MOST_STRINGS_BYTES: u64 = 1 << 30;
/// Maximum distance between two tags, which the XML parser keeps in memory. A cell has at most 32,767 characters.
const MOST_RUN_BYTES: u64 = 64 << 20;

/// Opens an archive after reading every part that will be parsed once, which verifies its checksum.
///
/// Otherwise a flipped bit could change a text unnoticed: the parser does not read a sheet to its end, where the zip
/// reader compares the checksum.
pub(super) fn open_verified<R: Read + Seek>(source: R) -> Result<ZipArchive<R>, SheetError> {
    let mut archive = open(source)?;
    for index in 0..archive.len() {
        let mut part = archive.by_index(index).map_err(unreadable)?;
        let name = part.name().map_err(unreadable)?.to_ascii_lowercase();
        let (xml, parsed) = match name.rsplit_once('.') {
            Some((_, "xml" | "rels")) => (true, true),
            Some((_, "bin")) => (false, true),
            _ => (false, false),
        };
        if parsed {
            let most = if name.contains("sharedstrings") { MOST_STRINGS_BYTES } else { MOST_PART_BYTES };
            let bytes = verify(&mut part, &name, xml, most)?;
            drop(part);
            if xml && name.contains("sharedstrings") {
                check_count(BufReader::new(archive.by_index(index).map_err(unreadable)?), bytes)?;
            }
        }
    }
    Ok(archive)
}

/// Checks the declared number of shared strings. calamine allocates memory for that many, and the process aborts if
/// there is not enough.
fn check_count(strings: impl BufRead, bytes: u64) -> Result<(), SheetError> {
    let mut xml = quick_xml::Reader::from_reader(strings);
    let mut buffer = Vec::new();
    loop {
        match xml.read_event_into(&mut buffer)? {
            Event::Start(element) | Event::Empty(element) if element.local_name().as_ref() == "sst" => {
                let count = attribute(&element, "uniqueCount")?.and_then(|count| count.trim().parse::<u64>().ok());
                // Each takes at least `<si/>`.
                return match count {
                    Some(count) if count > bytes => {
                        Err(SheetError::unreadable(format!("{count} shared strings in {bytes} bytes")))
                    }
                    _ => Ok(()),
                };
            }
            Event::Eof => return Ok(()),
            _ => {}
        }
        buffer.clear();
    }
}

/// Returns the value of an attribute.
pub(super) fn attribute(element: &BytesStart<'_>, name: &str) -> Result<Option<String>, SheetError> {
    let Some(attribute) = element.try_get_attribute(name).map_err(SheetError::unreadable)? else { return Ok(None) };
    Ok(Some(attribute.normalized_value(XmlVersion::Implicit1_0)?.into_owned()))
}

/// Opens an archive.
pub(super) fn open<R: Read + Seek>(mut source: R) -> Result<ZipArchive<R>, SheetError> {
    source.seek(SeekFrom::Start(0))?;
    ZipArchive::new(source).map_err(unreadable)
}

/// Returns the source, rewound.
pub(super) fn into_source<R: Read + Seek>(archive: ZipArchive<R>) -> Result<R, SheetError> {
    let mut source = archive.into_inner();
    source.seek(SeekFrom::Start(0))?;
    Ok(source)
}

/// Returns a part by its name, compared without case.
pub(super) fn part<'a, R: Read + Seek>(
    archive: &'a mut ZipArchive<R>,
    name: &str,
) -> Result<BufReader<zip::read::ZipFile<'a, R>>, SheetError> {
    let same = |found: &[u8]| found.eq_ignore_ascii_case(name.as_bytes());
    let index = archive.file_names_raw().position(same).ok_or_else(|| {
        SheetError::unreadable(io::Error::new(io::ErrorKind::NotFound, format!("the part {name} is missing")))
    })?;
    Ok(BufReader::new(archive.by_index(index).map_err(unreadable)?))
}

fn verify(part: &mut impl Read, name: &str, xml: bool, most: u64) -> Result<u64, SheetError> {
    let mut buffer = vec![0; 64 << 10];
    let (mut bytes, mut run) = (0, 0);
    let too_long = |what: &str, most_bytes| SheetError::TooLong { what: format!("{what} {name}"), most_bytes };
    loop {
        let read = match part.read(&mut buffer) {
            Ok(0) => return Ok(bytes),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        };
        bytes += read as u64;
        run = match memrchr(b'<', &buffer[..read]) {
            Some(tag) => (read - tag) as u64,
            None => run + read as u64,
        };
        if bytes > most {
            return Err(too_long("the part", most));
        }
        if xml && run > MOST_RUN_BYTES {
            return Err(too_long("one text in", MOST_RUN_BYTES));
        }
    }
}

fn unreadable(error: ZipError) -> SheetError {
    match error {
        ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => SheetError::Encrypted,
        ZipError::Io(error) => error.into(),
        error => SheetError::unreadable(error),
    }
}
