//! Bodies of replies, complete or cut off in the middle.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::Response;
use hyper::body::{Body, Frame};
use hyper::header::CONTENT_LENGTH;

use crate::Answer;

pub(super) type Reply = Response<Either<Full<Bytes>, CutShort>>;

/// The first half of a body, then an error, at which hyper ends the connection.
#[derive(Debug)]
pub(super) struct CutShort {
    half: Option<Bytes>,
    flushed: bool,
}

pub(super) fn whole(answer: Answer) -> Reply {
    with_body(answer, |body| Either::Left(Full::new(body)))
}

pub(super) fn cut_short(answer: Answer) -> Reply {
    let length = answer.body.len();
    let cut = |body: Bytes| Either::Right(CutShort { half: Some(body.slice(..body.len() / 2)), flushed: false });
    let mut reply = with_body(answer, cut);
    reply.headers_mut().insert(CONTENT_LENGTH, length.into());
    reply
}

fn with_body(answer: Answer, body: impl FnOnce(Bytes) -> Either<Full<Bytes>, CutShort>) -> Reply {
    let mut builder = Response::builder().status(answer.status);
    for (name, value) in answer.headers {
        builder = builder.header(name, value);
    }
    builder.body(body(Bytes::from(answer.body))).expect("the model's statuses and headers are HTTP's")
}

impl Body for CutShort {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(half) = self.half.take() {
            return Poll::Ready(Some(Ok(Frame::data(half))));
        }
        // hyper drops unwritten bytes when a body fails; it writes while a body is not ready.
        if !self.flushed {
            self.flushed = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(io::Error::other("the reply is cut short here"))))
    }
}
