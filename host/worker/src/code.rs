//! A tool's compiled code as workers get it: in memory that nobody can write to any more.

use std::fs::File;
use std::io::Write as _;
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
        let description = compiled.description().clone();
        let json =
            serde_json::to_vec(&description).map_err(|_| Refusal::internal("a description cannot be written"))?;
        let file =
            sealed(compiled.code()).map_err(|_| Refusal::internal("the system has no memory for a tool's code"))?;
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
    pub(crate) fn handle(&self) -> std::io::Result<OwnedFd> {
        Ok(self.file.try_clone()?.into())
    }
}

fn sealed(code: &[u8]) -> std::io::Result<File> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let mut file = File::from(rustix::fs::memfd_create("hotcell-code", flags)?);
    file.write_all(code)?;
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    rustix::fs::fcntl_add_seals(&file, seals)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt as _;

    use super::*;

    #[test]
    fn i2_sealed_code_cannot_be_changed_by_anybody() {
        let file = sealed(b"code").unwrap();
        assert!(file.write_at(b"x", 0).is_err());
        assert!(file.set_len(1).is_err() && file.set_len(9).is_err());
        assert!(rustix::fs::fcntl_add_seals(&file, SealFlags::empty()).is_err());
        let mut read = [0; 4];
        file.read_exact_at(&mut read, 0).unwrap();
        assert_eq!(&read, b"code");
    }
}
