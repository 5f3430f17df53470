//! The folders that Hotcell uses, and the one place where it reaches for a path of the machine.
//!
//! Everything else works on [`Dir`] handles opened here, so that no name read from a file can lead out of them.

mod cases;
#[cfg(test)]
pub(crate) mod in_tests;
mod named;
mod stamp;

use std::fs::DirBuilder;
use std::fs::TryLockError;
use std::io::Read;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use crate::random;
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use cap_std::fs::File;
use cap_std::fs::OpenOptions;
pub(crate) use cases::case_files;
pub(crate) use cases::fingerprint;
pub(crate) use cases::make_named_file;
pub(crate) use cases::write_named_file;
use hotcell_protocol::Code;
use hotcell_protocol::Refusal;
pub(crate) use named::make_folder_in;
pub(crate) use named::make_named_folder;
pub(crate) use named::named_folder;
pub(crate) use named::remove_folder_in;
pub(crate) use named::replace_open_file;
pub(crate) use stamp::ReadOnce;
pub(crate) use stamp::Stamp;
pub(crate) use stamp::inode;
pub(crate) use stamp::metadata;
use zeroize::Zeroizing;

/// How long a lock of another process is waited for.
const LOCK_WAIT: Duration = Duration::from_secs(10);
const LOCK_PAUSE: Duration = Duration::from_millis(2);

/// Where the three folders are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// `config.toml` of the operator. Variable `HOTCELL_CONFIG`.
    pub config: PathBuf,
    /// Grants, installed tools, credentials (encrypted), audit record. Variable `HOTCELL_STATE`.
    pub state: PathBuf,
    /// What can be made again. Variable `HOTCELL_CACHE`.
    pub cache: PathBuf,
}

impl Places {
    /// The user's own folders, or those that the variables name.
    ///
    /// # Errors
    /// [`Code::StoreUnavailable`] where the system knows no home folder and a variable is not set.
    pub fn of_user() -> Result<Self, Refusal> {
        let user = directories::ProjectDirs::from("", "", "hotcell");
        let place = |variable: &str, of: &dyn Fn(&directories::ProjectDirs) -> PathBuf| {
            let named = std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
            named.or_else(|| user.as_ref().map(of)).ok_or_else(|| {
                Refusal::new(
                    Code::StoreUnavailable,
                    format!("this user has no home folder, and {variable} is not set"),
                    format!("set {variable} to a folder that only you can read"),
                )
            })
        };
        Ok(Self {
            config: place("HOTCELL_CONFIG", &|dirs| dirs.config_dir().to_owned())?,
            state: place("HOTCELL_STATE", &|dirs| {
                dirs.state_dir().unwrap_or_else(|| dirs.data_local_dir()).to_owned()
            })?,
            cache: place("HOTCELL_CACHE", &|dirs| dirs.cache_dir().to_owned())?,
        })
    }

    /// All three below one folder: for a demonstration, a test, or one project.
    #[must_use]
    pub fn below(folder: &Path) -> Self {
        Self { config: folder.join("config"), state: folder.join("state"), cache: folder.join("cache") }
    }
}

/// Opens a folder of Hotcell's own, made with mode 0700 if it is missing.
///
/// # Errors
/// [`Code::StoreUnavailable`] if it cannot be made or opened, or if other users can read or write it (threat K4).
pub(crate) fn own_folder(path: &Path) -> Result<Dir, Refusal> {
    folder(path, 0o077)
}

/// Opens the cache folder, made with mode 0700 if it is missing. Other programs keep things there too, and others may look:
/// what stands in it is no secret, and authenticated. They may not write.
///
/// # Errors
/// [`Code::StoreUnavailable`] if it cannot be made or opened, or if other users can write it (threat K4).
pub(crate) fn cache_folder(path: &Path) -> Result<Dir, Refusal> {
    folder(path, 0o022)
}

/// Opens a folder, made with mode 0700 if it is missing; `closed`: the bits of its mode that must not be set.
fn folder(path: &Path, closed: u32) -> Result<Dir, Refusal> {
    let unusable = |what: String| {
        Refusal::new(
            Code::StoreUnavailable,
            format!("the folder {} {what}", path.display()),
            "make it readable for its owner alone (chmod 700), or name another by HOTCELL_CONFIG, HOTCELL_STATE or HOTCELL_CACHE",
        )
    };
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|error| unusable(format!("cannot be made: {}", error.kind())))?;
    let dir = Dir::open_ambient_dir(path, ambient_authority())
        .map_err(|error| unusable(format!("cannot be opened: {}", error.kind())))?;
    refuse_if_open_to_others(&dir, closed, &unusable)?;
    Ok(dir)
}

#[cfg(unix)]
fn refuse_if_open_to_others(dir: &Dir, closed: u32, unusable: &dyn Fn(String) -> Refusal) -> Result<(), Refusal> {
    use cap_std::fs::MetadataExt as _;
    let metadata = dir.dir_metadata().map_err(|error| unusable(format!("cannot be read: {}", error.kind())))?;
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(unusable("belongs to another user".into()));
    }
    if metadata.mode() & closed != 0 {
        return Err(unusable(format!("is open to other users (mode {:o})", metadata.mode() & 0o777)));
    }
    Ok(())
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the same signature on every system")]
fn refuse_if_open_to_others(_: &Dir, _: u32, _: &dyn Fn(String) -> Refusal) -> Result<(), Refusal> {
    Ok(())
}

/// Opens a sub-folder of a folder of ours, made with mode 0700 if it is missing.
///
/// # Errors
/// [`Code::StoreUnavailable`] as in [`own_folder`].
pub(crate) fn own_subfolder(parent: &Dir, name: &str) -> Result<Dir, Refusal> {
    let failed = |error: std::io::Error| unusable_file(name, &error);
    #[cfg_attr(not(unix), expect(unused_mut, reason = "modes exist on Unix only"))]
    let mut builder = cap_std::fs::DirBuilder::new();
    #[cfg(unix)]
    cap_std::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match parent.create_dir_with(name, &builder) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(failed(error)),
        _ => {}
    }
    parent.open_dir(name).map_err(failed)
}

/// Reads a whole file of one of our folders; `None` if there is none.
///
/// # Errors
/// [`Code::StoreUnavailable`] if it cannot be read or has more than `limit` bytes.
pub(crate) fn read_file(dir: &Dir, name: &str, limit: usize) -> Result<Option<Vec<u8>>, Refusal> {
    match dir.open(name) {
        Ok(file) => {
            let length = file.metadata().map_or(0, |metadata| metadata.len());
            read_bounded(file, length, name, limit).map(Some)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unusable_file(name, &error)),
    }
}

/// The first bytes of a file of one of our folders: nothing where there are not so many.
pub(crate) fn read_start<const BYTES: usize>(dir: &Dir, name: &str) -> Option<[u8; BYTES]> {
    let mut start = [0; BYTES];
    dir.open(name).ok()?.read_exact(&mut start).ok()?;
    Some(start)
}

/// Reads a file that a person named on the command line.
///
/// # Errors
/// [`Code::BadComponent`] with the path if it cannot be read or has more than `limit` bytes.
pub(crate) fn read_named_file(path: &Path, limit: usize) -> Result<Vec<u8>, Refusal> {
    let cannot = |what: String| {
        Refusal::new(Code::BadComponent, format!("cannot read {}: {what}", path.display()), "check the path")
    };
    #[expect(clippy::disallowed_methods, reason = "the one place that opens a path which a person typed")]
    let file = std::fs::File::open(path).map_err(|error| cannot(error.to_string()))?;
    let metadata = file.metadata().map_err(|error| cannot(error.to_string()))?;
    if metadata.is_dir() {
        return Err(cannot("it is a folder".into()));
    }
    read_bounded(file, metadata.len(), &path.display().to_string(), limit)
}

/// Reads a file that holds a secret and that a person named: only one that its owner alone can read (threat K4).
///
/// # Errors
/// [`Code::StoreUnavailable`] if it cannot be read, is too long, or is open to others.
pub(crate) fn read_secret_file(path: &Path, limit: usize) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let cannot =
        |what: String, repair: &str| Refusal::new(Code::StoreUnavailable, format!("{} {what}", path.display()), repair);
    #[expect(clippy::disallowed_methods, reason = "a path which a person named in a variable")]
    let file = std::fs::File::open(path)
        .map_err(|error| cannot(format!("cannot be read: {}", error.kind()), "check the path"))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let open = file.metadata().map_or(true, |metadata| metadata.mode() & 0o077 != 0);
        if open {
            return Err(cannot("can be read by other users".into(), "make it readable for its owner alone: chmod 600"));
        }
    }
    // The whole length at once: a vector that grows leaves its earlier buffers behind, unwiped.
    let mut bytes = Zeroizing::new(Vec::with_capacity(limit + 1));
    let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(bound)
        .read_to_end(&mut bytes)
        .map_err(|error| cannot(format!("cannot be read: {}", error.kind()), "check the file"))?;
    if bytes.len() > limit {
        return Err(cannot(format!("has more than {limit} bytes"), "name the right file"));
    }
    Ok(bytes)
}

/// `length`: as the system says it, for the room that is made beforehand; what is read may be shorter or longer.
fn read_bounded(file: impl Read, length: u64, name: &str, limit: usize) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(limit).min(limit));
    let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(bound).read_to_end(&mut bytes).map_err(|error| unusable_file(name, &error))?;
    if bytes.len() > limit {
        return Err(Refusal::new(
            Code::BadComponent,
            format!("{name} has more than {limit} bytes"),
            "use a smaller file: for a component, build in release mode and strip debug information",
        ));
    }
    Ok(bytes)
}

/// Replaces a file in one step: written beside it, synced, renamed, folder synced. A crash leaves the old or the new.
///
/// # Errors
/// [`Code::StoreUnavailable`] if a step fails; the old file stays.
pub(crate) fn replace_file(dir: &Dir, name: &str, bytes: &[u8]) -> Result<(), Refusal> {
    let temporary = format!(".{name}.new");
    let written = write_synced(dir, &temporary, bytes)
        .and_then(|()| dir.rename(&temporary, dir, name))
        .and_then(|()| dir.open(".")?.sync_all());
    written.map_err(|error| {
        drop(dir.remove_file(&temporary));
        unusable_file(name, &error)
    })
}

fn write_synced(dir: &Dir, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    cap_std::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = dir.open_with(name, &options)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Opens a file to add lines to it, made with mode 0600 if it is missing. Lines of other processes are not torn where each is
/// one write.
///
/// # Errors
/// [`Code::StoreUnavailable`] if it cannot be opened.
pub(crate) fn open_to_append(dir: &Dir, name: &str) -> Result<File, Refusal> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    cap_std::fs::OpenOptionsExt::mode(&mut options, 0o600);
    dir.open_with(name, &options).map_err(|error| unusable_file(name, &error))
}

/// 32 random bytes that this user's Hotcell keeps in a file of its own, made the first time.
///
/// # Errors
/// [`Code::StoreUnavailable`] if the file cannot be read or made, or holds something else.
pub(crate) fn own_key(dir: &Dir, name: &str) -> Result<[u8; 32], Refusal> {
    let _lock = lock(dir, &format!("{name}.lock"))?;
    if let Some(bytes) = read_file(dir, name, 32)? {
        return bytes.try_into().map_err(|_| {
            Refusal::new(Code::StoreUnavailable, format!("{name} is damaged"), "delete it: it is made anew")
        });
    }
    let key = *random::bytes()?;
    replace_file(dir, name, &key)?;
    Ok(key)
}

/// A lock between processes, released when dropped or when its process dies: an OS lock, never a file's mere existence.
pub(crate) struct Lock {
    _file: std::fs::File,
}

/// Takes the lock `name` in a folder of ours, waiting at most ten seconds for another process: one that was stopped must not
/// stop all others.
///
/// # Errors
/// [`Code::StoreUnavailable`] if the lock file cannot be made, or is held for too long.
pub(crate) fn lock(dir: &Dir, name: &str) -> Result<Lock, Refusal> {
    let mut options = OpenOptions::new();
    options.write(true).create(true);
    #[cfg(unix)]
    cap_std::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = dir.open_with(name, &options).map_err(|error| unusable_file(name, &error))?.into_std();
    let started = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) if started.elapsed() < LOCK_WAIT => std::thread::sleep(LOCK_PAUSE),
            Err(TryLockError::WouldBlock) => {
                return Err(Refusal::new(
                    Code::StoreUnavailable,
                    format!("another process holds {name} for too long"),
                    "wait for the other hotcell to end, or end it; then try again",
                ));
            }
            Err(TryLockError::Error(error)) => return Err(unusable_file(name, &error)),
        }
    }
}

/// Reads a file of another program's that a person asked us to add to; `None` if there is none.
///
/// # Errors
/// [`Code::BadConfig`] if it cannot be read, is no text, or has more than `limit` bytes.
pub(crate) fn read_foreign_file(path: &Path, limit: usize) -> Result<Option<String>, Refusal> {
    let cannot = |what: &str| foreign(path, what);
    let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let Some((parent, name)) = split(path) else { return Err(cannot("is no file's path")) };
    let Ok(dir) = Dir::open_ambient_dir(parent, ambient_authority()) else { return Ok(None) };
    let Some(bytes) = read_file(&dir, name, limit).map_err(|_| cannot("cannot be read, or is too big"))? else {
        return Ok(None);
    };
    String::from_utf8(bytes).map(Some).map_err(|_| cannot("is not UTF-8 text"))
}

/// Replaces a file of another program's in one step, a copy of the old one beside it; gives the copy's name. The file keeps
/// its mode; a new one, and folders that are missing, are made for their owner alone.
///
/// # Errors
/// [`Code::BadConfig`] if it cannot be written; the old file stays.
pub(crate) fn replace_foreign_file(path: &Path, text: &str, copy_suffix: &str) -> Result<Option<String>, Refusal> {
    let cannot = |error: std::io::Error| foreign(path, &format!("cannot be written: {}", error.kind()));
    // A link leads to the file that a person keeps elsewhere: that one is replaced, not the link.
    let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let Some((parent, name)) = split(path) else { return Err(foreign(path, "is no file's path")) };
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(parent).map_err(cannot)?;
    let dir = Dir::open_ambient_dir(parent, ambient_authority()).map_err(cannot)?;
    let old = dir.metadata(name).ok().map(|metadata| metadata.permissions());
    let copy = old.as_ref().map(|_| format!("{name}.{copy_suffix}"));
    if let Some(copy) = &copy {
        dir.copy(name, &dir, copy).map_err(cannot)?;
    }
    replace_file(&dir, name, text.as_bytes()).map_err(|refusal| foreign(path, &refusal.message))?;
    if let Some(permissions) = old {
        dir.set_permissions(name, permissions).map_err(cannot)?;
    }
    Ok(copy)
}

fn split(path: &Path) -> Option<(&Path, &str)> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Some((parent, path.file_name()?.to_str()?))
}

fn foreign(path: &Path, what: &str) -> Refusal {
    let hint = "nothing was changed; write it by hand: hotcell mcp add CLIENT --print";
    Refusal::new(Code::BadConfig, format!("{} {what}", path.display()), hint)
}

pub(crate) fn unusable_file(name: &str, error: &std::io::Error) -> Refusal {
    Refusal::new(
        Code::StoreUnavailable,
        format!("{name} cannot be used: {}", error.kind()),
        "check the disk and the rights of Hotcell's folders",
    )
}
