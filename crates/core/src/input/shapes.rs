//! Counts the shapes of ticket cells. The counts show at a glance that a column has `TKT-00143` in most rows and `143`
//! in a few.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use batchpost_engine::excerpt;

/// Cells of the same shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// The shape: each run of digits as `9`, or `09` if it has a leading zero; a run of blanks as one; other characters
    /// unchanged; truncated with an ellipsis if it is long. `TKT-00143` gives `TKT-09`.
    pub pattern: String,
    /// Number of cells.
    pub count: u64,
    /// The first few different cells, truncated.
    pub examples: Vec<String>,
    /// The lowest and the highest number of digits in a cell.
    pub digits: RangeInclusive<usize>,
}

/// Counts shapes in bounded memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IdShapes {
    shapes: Vec<Shape>,
    /// The pattern of the current cell, in a reused buffer.
    pattern: String,
    /// Number of cells of further shapes, which did not fit.
    pub other: u64,
}

impl IdShapes {
    /// Maximum number of shapes. A column with more is not a column of ids, or has random ones.
    pub const MOST: usize = 20;
    const EXAMPLES: usize = 3;
    /// Maximum length of a pattern and of an example, in characters.
    const LONGEST: usize = 60;

    /// Counts a cell. A blank cell is not counted.
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
                    // This runs for every row, and few cells need truncation.
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

    /// The shapes, most frequent first; of equally frequent ones, the first seen first.
    pub fn shapes(&self) -> impl Iterator<Item = &Shape> {
        let mut shapes: Vec<&Shape> = self.shapes.iter().collect();
        shapes.sort_by_key(|shape| std::cmp::Reverse(shape.count));
        shapes.into_iter()
    }
}

/// Writes the pattern of `cell` and returns its number of digits.
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
        // Digits are counted to the end, even beyond the truncated pattern.
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
