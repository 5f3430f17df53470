//! A tool's compiled code as workers get it: in memory that nobody can write to any more.

use std::fs::File;
use std::io;
use std::io::Write as _;
use std::os::fd::AsFd;
use std::os::fd::OwnedFd;

use hotcell_protocol::Description;
use hotcell_protocol::Refusal;
use hotcell_sandbox::Compiled;
use rustix::fs::MemfdFlags;
use rustix::fs::SealFlags;

/// A description, and code in a sealed file that has no name. Native code: it is run as it is, so that what was authenticated
/// and what is run must be the same bytes. A file in a folder could be changed in between (threat I2).
pub struct Code {
    description: Description,
    json: Vec<u8>,
    file: File,
}

impl Code {
    /// Puts code where workers can map it.
    ///
    /// # Errors
    /// [`hotcell_protocol::Code::Internal`] if the system has no room.
    pub fn seal(compiled: Compiled) -> Result<Self, Refusal> {
        Self::seal_in(Blank::new().map_err(no_memory)?, compiled)
    }

    /// The same, where a worker that waits for its code looks for it.
    pub(crate) fn seal_in(blank: Blank, compiled: Compiled) -> Result<Self, Refusal> {
        let description = compiled.description().clone();
        let json =
            serde_json::to_vec(&description).map_err(|_| Refusal::internal("a description cannot be written"))?;
        let file = blank.sealed(compiled.code()).map_err(no_memory)?;
        Ok(Self { description, json, file })
    }

    /// What the tool is.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.description
    }

    pub(crate) fn json(&self) -> &[u8] {
        &self.json
    }

    /// The file, to be inherited.
    pub(crate) fn handle(&self) -> io::Result<OwnedFd> {
        Ok(self.file.try_clone()?.into())
    }
}

/// A file for code that is still to come.
pub(crate) struct Blank(File);

impl Blank {
    pub(crate) fn new() -> io::Result<Self> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        Ok(Self(File::from(rustix::fs::memfd_create("hotcell-code", flags)?)))
    }

    /// The file, to be inherited.
    pub(crate) fn handle(&self) -> io::Result<OwnedFd> {
        Ok(self.0.try_clone()?.into())
    }

    fn sealed(mut self, code: &[u8]) -> io::Result<File> {
        self.0.write_all(code)?;
        rustix::fs::fcntl_add_seals(&self.0, SEALS)?;
        Ok(self.0)
    }
}

/// What nobody can do to sealed code, whoever has the file open.
const SEALS: SealFlags = SealFlags::WRITE.union(SealFlags::GROW).union(SealFlags::SHRINK).union(SealFlags::SEAL);

/// Whether this file is sealed: a worker runs nothing else.
pub(crate) fn is_sealed(file: impl AsFd) -> bool {
    rustix::fs::fcntl_get_seals(file).is_ok_and(|seals| seals.contains(SEALS))
}

fn no_memory(_: io::Error) -> Refusal {
    Refusal::internal("the system has no memory for a tool's code")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt as _;

    use super::*;

    #[test]
    fn i2_sealed_code_cannot_be_changed_by_anybody() {
        let blank = Blank::new().unwrap();
        // A worker that was started before has the same file open.
        let early = File::from(blank.handle().unwrap());
        assert!(!is_sealed(&early));
        let file = blank.sealed(b"code").unwrap();
        assert!(is_sealed(&early) && early.write_at(b"x", 0).is_err() && early.set_len(1).is_err());
        assert!(file.write_at(b"x", 0).is_err());
        assert!(file.set_len(1).is_err() && file.set_len(9).is_err());
        assert!(rustix::fs::fcntl_add_seals(&file, SealFlags::empty()).is_err());
        let mut read = [0; 4];
        file.read_exact_at(&mut read, 0).unwrap();
        assert_eq!(&read, b"code");
    }
}
