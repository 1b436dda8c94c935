//! The lines of a batch, chained as they come.

use crate::hatch::line::Link;

#[derive(Default)]
pub(super) struct Lines {
    bytes: Vec<u8>,
    /// How long each is.
    lengths: Vec<usize>,
    chain: Option<Link>,
}

impl Lines {
    /// Begins with none, behind that place in the chain.
    pub(super) fn begin(&mut self, chain: Link) {
        self.bytes.clear();
        self.lengths.clear();
        self.chain = Some(chain);
    }

    /// Adds the lines of these, but for those that it has.
    pub(super) fn add<'a>(&mut self, bodies: impl Iterator<Item = &'a [u8]>) {
        let Some(chain) = &mut self.chain else { return };
        for body in bodies.skip(self.lengths.len()) {
            let begin = self.bytes.len();
            self.bytes.extend_from_slice(body);
            chain.seal(&mut self.bytes, begin, begin == 0);
            self.lengths.push(self.bytes.len() - begin);
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn lengths(&self) -> &[usize] {
        &self.lengths
    }

    /// Where the chain stands behind them.
    pub(super) fn chain(&self) -> Option<Link> {
        self.chain
    }
}
