//! The shapes that ticket cells have, tallied: what tells a person at a glance that a column holds `TKT-00143` in
//! most rows and `143` in a few.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use batchpost_engine::excerpt;

/// Cells that look alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// What they have in common: each run of digits as `9`, or `09` where it begins with a zero and goes on;
    /// blanks as one; everything else as it stands, cut off with an ellipsis where it is long. `TKT-00143` is
    /// `TKT-09`.
    pub pattern: String,
    /// How many there were.
    pub count: u64,
    /// The first few different ones, cut short.
    pub examples: Vec<String>,
    /// The fewest and the most digits in one.
    pub digits: RangeInclusive<usize>,
}

/// A tally of shapes, in bounded memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IdShapes {
    shapes: Vec<Shape>,
    /// The pattern of the cell at hand, in a buffer that is used again.
    pattern: String,
    /// Cells of further shapes, met when there was no more room for one.
    pub other: u64,
}

impl IdShapes {
    /// Shapes that are told apart: a column with more of them is no column of ids, or has random ones.
    pub const MOST: usize = 20;
    const EXAMPLES: usize = 3;
    /// Of a pattern and of an example, in characters.
    const LONGEST: usize = 60;

    /// Counts a cell. A blank one has no shape and does not count.
    pub fn meet(&mut self, cell: &str) {
        let cell = cell.trim();
        if cell.is_empty() {
            return;
        }
        let digits = write_pattern(&mut self.pattern, cell, Self::LONGEST);
        match self.shapes.iter().position(|shape| shape.pattern == self.pattern) {
            Some(known) => {
                let shape = &mut self.shapes[known];
                shape.count += 1;
                shape.digits = digits.min(*shape.digits.start())..=digits.max(*shape.digits.end());
                if shape.examples.len() < Self::EXAMPLES {
                    // There is a cell for every row, and most need no shortening.
                    let example = if cell.len() > Self::LONGEST {
                        excerpt(cell, Self::LONGEST).into()
                    } else {
                        Cow::Borrowed(cell)
                    };
                    if !shape.examples.iter().any(|known| *known == example) {
                        shape.examples.push(example.into_owned());
                    }
                }
            }
            None if self.shapes.len() < Self::MOST => self.shapes.push(Shape {
                pattern: self.pattern.clone(),
                count: 1,
                examples: vec![excerpt(cell, Self::LONGEST)],
                digits: digits..=digits,
            }),
            None => self.other += 1,
        }
    }

    /// The shapes, the most frequent first; of those as frequent, the one met first.
    pub fn shapes(&self) -> impl Iterator<Item = &Shape> {
        let mut shapes: Vec<&Shape> = self.shapes.iter().collect();
        shapes.sort_by_key(|shape| std::cmp::Reverse(shape.count));
        shapes.into_iter()
    }
}

/// Writes the pattern of `cell`, and counts its digits.
fn write_pattern(pattern: &mut String, cell: &str, longest: usize) -> usize {
    pattern.clear();
    let mut written = 0;
    let mut digits = 0;
    let mut chars = cell.chars().peekable();
    while let Some(first) = chars.next() {
        let same_run = |next: &char| {
            (first.is_ascii_digit() && next.is_ascii_digit()) || (first.is_whitespace() && next.is_whitespace())
        };
        let mut run = 1;
        while chars.next_if(same_run).is_some() {
            run += 1;
        }
        digits += if first.is_ascii_digit() { run } else { 0 };
        // The digits are counted to the end, the pattern is not written so far.
        written += 1;
        if written > longest {
            continue;
        }
        match first {
            '0' if run > 1 => pattern.push_str("09"),
            digit if digit.is_ascii_digit() => pattern.push('9'),
            blank if blank.is_whitespace() => pattern.push(' '),
            other => pattern.push(other),
        }
    }
    if written > longest {
        pattern.push('…');
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(cell: &str) -> String {
        let mut pattern = "left over".to_owned();
        write_pattern(&mut pattern, cell, 60);
        pattern
    }

    #[test]
    fn runs_of_digits_are_one_and_the_rest_stands() {
        for (cell, wanted) in [
            ("143", "9"),
            ("0", "9"),
            ("00143", "09"),
            ("TKT-00143", "TKT-09"),
            ("TKT-143", "TKT-9"),
            ("#143.0", "#9.9"),
            ("a  \t b", "a b"),
            ("https://desk.example/t/143?x=1", "https://desk.example/t/9?x=9"),
            ("Größe ١٤", "Größe ١٤"),
        ] {
            assert_eq!(pattern(cell), wanted, "{cell:?}");
        }
        assert_eq!(pattern(&"x".repeat(60)), "x".repeat(60));
        assert_eq!(pattern(&"x".repeat(61)), format!("{}…", "x".repeat(60)));
    }

    #[test]
    fn the_most_frequent_shape_comes_first_with_examples_and_lengths() {
        let mut shapes = IdShapes::default();
        for cell in ["TKT-00143", " 143 ", "143", "143", "7", "99999", "12", "", " "] {
            shapes.meet(cell);
        }
        let found: Vec<&Shape> = shapes.shapes().collect();
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].pattern.as_str(), found[0].count), ("9", 6));
        assert_eq!(found[0].examples, ["143", "7", "99999"]);
        assert_eq!(found[0].digits, 1..=5);
        assert_eq!((found[1].pattern.as_str(), found[1].count, &found[1].digits), ("TKT-09", 1, &(5..=5)));
        assert_eq!(shapes.other, 0);
    }

    #[test]
    fn a_long_cell_is_one_example_however_often_it_comes() {
        let mut shapes = IdShapes::default();
        let cell = "x".repeat(IdShapes::LONGEST + 1);
        (0..3).for_each(|_| shapes.meet(&cell));
        let shape = shapes.shapes().next().unwrap();
        assert_eq!((shape.count, shape.examples.len()), (3, 1));
    }

    #[test]
    fn shapes_beyond_the_bound_are_counted_and_known_ones_go_on() {
        let mut shapes = IdShapes::default();
        for n in 0..30_u8 {
            shapes.meet(&char::from(b'a' + n).to_string());
        }
        shapes.meet("a");
        assert_eq!(shapes.shapes().count(), IdShapes::MOST);
        assert_eq!(shapes.other, 10);
        assert_eq!(shapes.shapes().next().map(|shape| shape.count), Some(2));
        assert_eq!(shapes.shapes().map(|shape| shape.count).sum::<u64>() + shapes.other, 31);
    }
}
