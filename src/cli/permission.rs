//! Data that this user may not read, told from data that is not there: who only asks whether a file exists gets the same
//! answer for both, and would be sent to look for a directory that he named rightly.

use super::output::Failure;
use crate::config::Settings;
use crate::store::sqlite::DATABASE_FILE;
use rustix::fs::Access;
use rustix::io::Errno;
use std::path::Path;

/// Refuses a user who may not read the embedded store's file; one that is not there is another matter.
pub fn may_read_data(settings: &Settings) -> Result<(), Failure> {
    if settings.database.is_some() {
        return Ok(());
    }
    may_read(&settings.data.join(DATABASE_FILE))
}

/// Refuses a user who may not read a file. Asked without opening it: to close a database's file gives up the locks of
/// whoever has it open in this process.
pub fn may_read(file: &Path) -> Result<(), Failure> {
    judged(file, rustix::fs::access(file, Access::READ_OK))
}

fn judged(file: &Path, found: Result<(), Errno>) -> Result<(), Failure> {
    match found {
        Err(Errno::ACCESS) => Err(Failure::Environment(format!(
            "{} is not readable for this user; run it as its owner, which is the user that the server runs as",
            file.display()
        ))),
        _ => Ok(()),
    }
}

/// Refuses a folder in which this user can make no file, with what to do.
pub fn may_make_in(folder: &Path) -> Result<(), Failure> {
    let shown = folder.display();
    let words = match rustix::fs::access(folder, Access::WRITE_OK | Access::EXEC_OK) {
        Err(Errno::ACCESS) => format!(
            "{shown} cannot be written by this user; give it the right to, or choose another folder"
        ),
        _ if !folder.is_dir() => format!("there is no folder {shown}; make it or mount it"),
        _ => return Ok(()),
    };
    Err(Failure::Environment(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_not_be_read_is_told_from_what_is_not_there() {
        let file = Path::new("/data/tidings.db");
        let refused = judged(file, Err(Errno::ACCESS)).map_err(|failure| failure.to_string());
        assert!(
            refused.is_err_and(
                |words| words.contains("/data/tidings.db is not readable for this user")
            )
        );
        assert!(judged(file, Err(Errno::NOENT)).is_ok());
        assert!(judged(file, Ok(())).is_ok());
    }
}
