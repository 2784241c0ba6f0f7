//! The size of a program, as it is and as it is uploaded.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, ensure};

/// What `zipfile` of Python makes of a program: the SAM CLI packs with it.
const ZIP: &str = "
import io, sys, zipfile
archive = io.BytesIO()
with zipfile.ZipFile(archive, 'w', zipfile.ZIP_DEFLATED) as files:
    files.write(sys.argv[1], 'bootstrap')
print(len(archive.getvalue()))
";

/// Bytes of a program.
pub struct Size {
    /// The binary.
    pub binary: u32,
    /// The package with nothing else in it.
    pub zip: u32,
}

/// Measures a program.
pub fn of(path: &Path) -> anyhow::Result<Size> {
    let packed = Command::new("python3").args(["-c", ZIP]).arg(path).output().context("python3 does not start")?;
    ensure!(packed.status.success(), "python3: {}", String::from_utf8_lossy(&packed.stderr));
    let zip = String::from_utf8(packed.stdout)?.trim().parse()?;
    Ok(Size { binary: u32::try_from(fs::metadata(path)?.len())?, zip })
}
