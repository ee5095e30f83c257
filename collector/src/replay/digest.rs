//! The SHA-256 of a file while it is read: what was read is what was hashed, also from standard input.

use std::cell::RefCell;
use std::io::{self, Read};
use std::rc::Rc;

use sha2::{Digest as _, Sha256};

/// SHA-256 of the bytes of a file as stored.
pub(crate) type Digest = [u8; 32];

/// Where the digest of a file that is being read comes from.
pub(super) struct Tap<'r>(Rc<RefCell<Hashed<'r>>>);

struct Hashed<'r> {
    raw: Box<dyn Read + 'r>,
    hash: Sha256,
}

struct Tapped<'r>(Rc<RefCell<Hashed<'r>>>);

/// The same bytes, hashed as they pass.
pub(super) fn tap<'r>(raw: Box<dyn Read + 'r>) -> (Box<dyn Read + 'r>, Option<Tap<'r>>) {
    let hash = Sha256::new();
    let hashed = Rc::new(RefCell::new(Hashed { raw, hash }));
    (Box::new(Tapped(Rc::clone(&hashed))), Some(Tap(hashed)))
}

impl Read for Hashed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.raw.read(buffer)?;
        if let Some(bytes) = buffer.get(..count) {
            self.hash.update(bytes);
        }
        Ok(count)
    }
}

impl Read for Tapped<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.borrow_mut().read(buffer)
    }
}

impl Tap<'_> {
    /// The digest of the whole file, with what its reader had no use for.
    pub(super) fn finish(self) -> io::Result<Digest> {
        let mut hashed = self.0.borrow_mut();
        io::copy(&mut *hashed, &mut io::sink())?;
        Ok(std::mem::take(&mut hashed.hash).finalize().into())
    }
}
