//! Moving a job from one engine to another together with what it has got so far.
//!
//! # Problem
//!
//! A share that loses its card is not always lost: its inferences may go on elsewhere. What they have
//! delivered must not be delivered again, and what they have computed may come with them.
//!
//! # Mechanism
//!
//! [`Engine::withdraw`] tells how far a job is at this instant: the tokens that are out, and those
//! whose keys and values are in the cache. [`Engine::resume_job`] takes it on again, here or in
//! another engine: prompt and answer so far are its new prompt, of which `computed` tokens are there
//! already, and its end yields the next token.
//!
//! # Edges
//!
//! * The step under way is lost to a job that is withdrawn: it stays in the batch until the next
//!   boundary, like one that is cancelled, but its token there is nobody's.
//! * The gap between two tokens is recorded once, by the engine that makes the second one.
//! * The last token made is never in the cache, so at least one token is always computed.

use connector::{Timestamp, Tokens};

use super::{Engine, Job, SequenceKey, sequence::State};

/// How far a job has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// Tokens of its answer that are out: fewer than it is to make.
    pub made: u32,
    /// Tokens of prompt and answer, from the first, whose keys and values are kept.
    pub computed: u32,
    /// When the last token came, if any did.
    pub last_token: Timestamp,
}

impl Carried {
    /// Tokens that were computed for a job with this prompt, whether or not they are kept: its prompt
    /// and its answer so far, or a part of the prompt.
    pub fn work(&self, prompt: Tokens) -> u64 {
        let prompt = u64::from(prompt.get().max(1));
        if self.made > 0 { prompt + u64::from(self.made) } else { u64::from(self.computed) }
    }
}

impl Engine {
    /// How far a job is; `None` if it is not here.
    pub fn progress(&mut self, now: Timestamp, key: SequenceKey) -> Option<Carried> {
        self.advance(now);
        self.progress_at(now, key)
    }

    /// Takes a job out, with what it has got so far; `None` if it is not here.
    pub fn withdraw(&mut self, now: Timestamp, key: SequenceKey) -> Option<(Job, Carried)> {
        let carried = self.progress(now, key)?;
        // What is recorded now does not count the step that is lost.
        self.note_gaps_until(now);
        let boundary = self.stretch.as_ref().and_then(|stretch| stretch.noted_at);
        let sequence = self.sequences.get_mut(key)?;
        let job = Job {
            id: sequence.id,
            prompt: Tokens::new(sequence.prompt),
            output: Tokens::new(sequence.output),
            rank: sequence.rank,
            content: sequence.cached.ids.clone(),
            watched: sequence.watched,
        };
        let last_token = match boundary {
            Some(at) if carried.made > sequence.made => at,
            Some(_) | None => sequence.last_token,
        };
        match sequence.state {
            State::Waiting => {
                self.drop_waiting(key);
                self.welcome(now);
            }
            State::Prefilling { .. } | State::Decoding(_) => {
                (sequence.abandoned, sequence.withdrawn) = (true, true);
                self.decoders_withdrawn += u32::from(matches!(sequence.state, State::Decoding(_)));
                self.abandoned.push(key);
                self.cut(self.clock.work_at(now));
            }
        }
        Some((job, Carried { last_token, ..carried }))
    }

    /// As of the last boundary by `now`, which everything that is due has been booked up to.
    fn progress_at(&self, now: Timestamp, key: SequenceKey) -> Option<Carried> {
        let sequence = self.sequences.get(key).filter(|sequence| !sequence.abandoned)?;
        let work = self.clock.work_at(now);
        let steps = self.stretch.as_ref().map_or(0, |stretch| stretch.steps_done(work));
        let (made, computed) = match sequence.state {
            State::Waiting => (0, sequence.restored),
            State::Prefilling { .. } => {
                let chunk = self.chunks.iter().find(|chunk| chunk.key == key)?;
                (0, chunk.done + (u64::from(chunk.tokens) * steps) as u32)
            }
            State::Decoding(decoding) => {
                let made = decoding.made(self.step + steps, self.shape.pace);
                (made, decoding.context + made)
            }
        };
        let last_token = sequence.last_token;
        Some(Carried { made: sequence.made + made, computed, last_token })
    }
}
