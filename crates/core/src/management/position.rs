//! Where a newest-first read continues, and what it came to.

use callbacks_interfaces::cursor::Cursor;

/// Where to start and how much to read.
#[derive(Debug, Clone, Copy)]
pub struct Position {
    /// Only what is older than this; `None` starts with the newest.
    pub before: Option<Cursor>,
    /// Most rows.
    pub limit: usize,
}

impl Position {
    /// One row more than asked tells whether there are more.
    pub(super) fn one_more(self) -> u32 {
        u32::try_from(self.limit).unwrap_or(u32::MAX).saturating_add(1)
    }
}

/// Rows, newest first, and where to go on if there are more.
#[derive(Debug)]
pub struct Slice<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// The cursor after the last row; `None` at the end.
    pub next: Option<Cursor>,
}

impl<T> Slice<T> {
    /// Cuts the one row too many off.
    pub(super) fn cut(mut rows: Vec<T>, position: Position, cursor_of: impl Fn(&T) -> Cursor) -> Self {
        let more = rows.len() > position.limit;
        rows.truncate(position.limit);
        let next = rows.last().filter(|_| more).map(cursor_of);
        Self { rows, next }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn goes_on_exactly_while_there_is_more() {
        let cursor = |row: &u128| Cursor::from(Uuid::from_u128(*row));
        let position = Position { before: None, limit: 2 };
        assert_eq!(position.one_more(), 3);
        let slice = Slice::cut(vec![9, 8, 7], position, cursor);
        assert_eq!((slice.rows, slice.next), (vec![9, 8], Some(Cursor::from(Uuid::from_u128(8)))));
        assert!(Slice::cut(vec![9, 8], position, cursor).next.is_none());
        assert!(Slice::cut(vec![], position, cursor).next.is_none());
    }
}
