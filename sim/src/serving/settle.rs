//! Booking what a stretch has done.

use std::cmp::Reverse;

use connector::Timestamp;

use super::{Engine, Progress, ProgressKind, SequenceKey, plan::Stretch, sequence::State};

impl Engine {
    /// The stretch is over: tokens are out, and whoever is done leaves.
    pub(super) fn end_stretch(&mut self) {
        let stretch = self.stretch.take().expect("a stretch is under way");
        let at = self.wall(stretch.end);
        self.note_gaps(&stretch, stretch.steps, at);
        self.tell_tokens(&stretch, stretch.steps);
        self.book(stretch.steps);
        self.finish_decoders(at);
        self.finish_prompts(at);
        self.decoders_withdrawn = 0;
        for key in std::mem::take(&mut self.abandoned) {
            if self.sequences.contains_key(key) {
                self.drop_from_batch(key);
            }
        }
    }

    /// Blocks taken since the stretch began that are not booked yet, with those of the step that is
    /// under way or ends at `now`.
    pub(super) fn taken_by(&self, now: Timestamp) -> u64 {
        self.stretch.as_ref().map_or(0, |stretch| {
            let begun = stretch.line.steps_until(self.clock.work_at(now) - stretch.start);
            self.taken(begun.clamp(1, stretch.steps))
        })
    }

    /// Advances everybody by this many steps, in which nobody leaves.
    pub(super) fn book(&mut self, steps: u64) {
        if steps == 0 {
            self.memory.give(std::mem::take(&mut self.ahead));
            return;
        }
        self.memory.take(self.taken(steps));
        self.ahead = 0;
        self.decoders.advance(steps, self.shape.pace);
        self.step += steps;
        self.tally.steps += steps;
        for index in 0..self.chunks.len() {
            let chunk = &mut self.chunks[index];
            chunk.done += (u64::from(chunk.tokens) * steps) as u32;
            let (key, done, total) = (chunk.key, chunk.done, chunk.total);
            if let State::Prefilling { done: was, held } = &mut self.sequences[key].state {
                *was = done;
                *held = (*held).max(self.shape.blocks(done));
            }
            if done < total {
                self.publish(key, done);
            }
        }
    }

    fn finish_decoders(&mut self, at: Timestamp) {
        while let Some(&Reverse((last, joined, key))) = self.finishes.peek() {
            let decoding = match self.sequences.get(key) {
                Some(sequence) if sequence.joined == joined => match sequence.state {
                    State::Decoding(decoding) => Some(decoding),
                    State::Waiting | State::Prefilling { .. } => None,
                },
                _ => None,
            };
            match decoding {
                Some(_) if last > self.step => return,
                Some(decoding) => {
                    self.finishes.pop();
                    let position = decoding.position(self.step, &self.shape);
                    self.decoders.remove(decoding, self.step, &self.shape);
                    self.finish(key, self.shape.blocks_at(position), at);
                }
                None => {
                    self.finishes.pop();
                }
            }
        }
    }

    fn finish_prompts(&mut self, at: Timestamp) {
        let mut kept = 0;
        for index in 0..self.chunks.len() {
            let chunk = self.chunks[index];
            if chunk.done < chunk.total {
                self.chunks[kept] = chunk;
                kept += 1;
                continue;
            }
            self.first_token(chunk.key, chunk.total, at);
        }
        self.chunks.truncate(kept);
    }

    /// A prompt is done, and a token is out with it: the first one, or the next one of a sequence
    /// that was preempted.
    fn first_token(&mut self, key: SequenceKey, context: u32, at: Timestamp) {
        let sequence = &mut self.sequences[key];
        sequence.made += 1;
        let first = sequence.made == 1;
        if !first && !sequence.withdrawn {
            self.gaps.record(at.since(sequence.last_token).as_nanos(), 1);
        }
        let told = first || (sequence.watched && sequence.made < sequence.output);
        if told && !sequence.abandoned {
            let kind = if first { ProgressKind::FirstToken } else { ProgressKind::Tokens(1) };
            self.news.push(Progress { at, id: sequence.id, kind });
        }
        sequence.last_token = at;
        if sequence.made >= sequence.output {
            let State::Prefilling { held, .. } = sequence.state else { return };
            self.finish(key, held, at);
        } else {
            self.decode(key, context);
        }
    }

    fn finish(&mut self, key: SequenceKey, held: u64, at: Timestamp) {
        self.give_back_for_good(key, held);
        let sequence = self.sequences.remove(key).expect("it was just there");
        if sequence.watched {
            self.watched.retain(|&watched| watched != key);
        }
        if !sequence.abandoned {
            self.news.push(Progress { at, id: sequence.id, kind: ProgressKind::Finished });
        }
    }

    /// Tells those who watch of the tokens of the steps up to `done` that they were not told of.
    pub(super) fn tell_tokens(&mut self, stretch: &Stretch, done: u64) {
        if self.watched.is_empty() {
            return;
        }
        for step in stretch.told..done {
            let at = self.wall(stretch.start + stretch.line.time(step + 1));
            for &key in &self.watched {
                let sequence = &self.sequences[key];
                let State::Decoding(decoding) = sequence.state else { continue };
                let made = |step| decoding.made(self.step + step, self.shape.pace);
                let (before, after) = (made(step), made(step + 1));
                if sequence.made + after < sequence.output && !sequence.abandoned {
                    let kind = ProgressKind::Tokens(after - before);
                    self.news.push(Progress { at, id: sequence.id, kind });
                }
            }
        }
    }

    /// Tells those who watch of the tokens that are out by `now`.
    pub(super) fn tell_tokens_until(&mut self, now: Timestamp) {
        if self.watched.is_empty() {
            return;
        }
        let Some(mut stretch) = self.stretch.take() else { return };
        let done = stretch.steps_done(self.clock.work_at(now));
        self.tell_tokens(&stretch, done);
        stretch.told = stretch.told.max(done);
        self.stretch = Some(stretch);
    }

    /// Records the gaps of the steps done by `now`: the speed of the card changes, or they are asked
    /// for.
    pub(super) fn note_gaps_until(&mut self, now: Timestamp) {
        let Some(mut stretch) = self.stretch.take() else { return };
        if self.clock.is_running() {
            let done = stretch.steps_done(self.clock.work_at(now));
            if done > stretch.noted || stretch.noted_at.is_none() {
                let at = self.wall(stretch.start + stretch.line.time(done));
                self.note_gaps(&stretch, done, at);
                stretch.noted = done;
                stretch.noted_at = Some(at);
            }
        }
        self.stretch = Some(stretch);
    }

    /// Records the gaps of the steps up to `done`, the last of which ends at `at`. The first one may
    /// have begun at another speed.
    fn note_gaps(&mut self, stretch: &Stretch, done: u64, at: Timestamp) {
        let sequences = self.decoders.count - self.decoders_withdrawn;
        if sequences == 0 || done == stretch.noted {
            return;
        }
        let mut from = stretch.noted;
        if let Some(since) = stretch.noted_at {
            from += 1;
            let end =
                if from == done { at } else { self.wall(stretch.start + stretch.line.time(from)) };
            self.gaps.record(end.since(since).as_nanos(), u64::from(sequences));
        }
        self.gaps.record_line(&stretch.line, from..done, sequences, &self.clock);
    }
}
