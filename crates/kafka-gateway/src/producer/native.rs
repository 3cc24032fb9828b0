//! What librdkafka has and its Rust wrapper has not: a record's persistence, names of errors, topics described without
//! being made or remembered, and headers of records whose names are no UTF-8. The one place of unsafe code.
//!
//! Nothing borrowed from librdkafka leaves a function here, but what lives as long as the process or as its owner.
//! Reference: librdkafka's rdkafka.h.

use std::ffi::{CStr, CString, c_char, c_void};
use std::ptr::{self, NonNull};
use std::slice;
use std::time::Duration;

use rdkafka::bindings as sys;
use rdkafka::message::BorrowedMessage;
use rdkafka::types::{RDKafka, RDKafkaErrorCode, RDKafkaRespErr};

/// Whether a record is in Kafka, as far as librdkafka knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Persisted {
    /// It was never sent, or the broker said no.
    No,
    /// It was sent, and nobody said what became of it.
    Possibly,
    /// It is.
    Yes,
}

/// What librdkafka says about a record that it reports.
pub(crate) fn persisted(message: &BorrowedMessage<'_>) -> Persisted {
    // SAFETY: the pointer is that of a message which lives as long as the borrow.
    match unsafe { sys::rd_kafka_message_status(message.ptr()) } {
        sys::rd_kafka_msg_status_t::RD_KAFKA_MSG_STATUS_NOT_PERSISTED => Persisted::No,
        sys::rd_kafka_msg_status_t::RD_KAFKA_MSG_STATUS_POSSIBLY_PERSISTED => Persisted::Possibly,
        sys::rd_kafka_msg_status_t::RD_KAFKA_MSG_STATUS_PERSISTED => Persisted::Yes,
    }
}

/// The broker's own words about a record that it refused; brokers since 2.4 have some.
pub(crate) fn broker_text(message: &BorrowedMessage<'_>) -> Option<String> {
    // SAFETY: as above; the text belongs to the message, and is copied before the borrow ends.
    let text = unsafe { sys::rd_kafka_message_produce_errstr(message.ptr()) };
    // SAFETY: librdkafka's texts end with a zero.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}

/// The time that a reported record was sent with: librdkafka tells it of records without an error alone, though it keeps
/// it of all.
pub(crate) fn timestamp_ms(message: &BorrowedMessage<'_>) -> Option<i64> {
    let pointer = message.ptr();
    // SAFETY: the pointer is that of a message which lives as long as the borrow. It belongs to the polling thread that
    // reports it, and has its error again before anybody else looks.
    let timestamp = unsafe {
        let error = (*pointer).err;
        (*pointer).err = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR;
        let timestamp = sys::rd_kafka_message_timestamp(pointer, ptr::null_mut());
        (*pointer).err = error;
        timestamp
    };
    (timestamp > 0).then_some(timestamp)
}

/// librdkafka's name of an error.
pub(crate) fn error_name(code: RDKafkaRespErr) -> &'static str {
    // SAFETY: for a code of the enumeration this is an entry of a static table.
    static_text(unsafe { sys::rd_kafka_err2name(code) })
}

/// librdkafka's text of an error.
pub(crate) fn error_text(code: RDKafkaRespErr) -> &'static str {
    // SAFETY: as above.
    static_text(unsafe { sys::rd_kafka_err2str(code) })
}

fn static_text(text: *const c_char) -> &'static str {
    if text.is_null() {
        return "";
    }
    // SAFETY: only called with entries of static tables, which end with a zero.
    unsafe { CStr::from_ptr(text) }.to_str().unwrap_or_default()
}

/// The value of the last header of this name: `None` without one, `Some(None)` for null.
pub(crate) fn last_header<'a>(
    message: &'a BorrowedMessage<'_>,
    name: &CStr,
) -> Option<Option<&'a [u8]>> {
    let mut headers = ptr::null_mut();
    // SAFETY: the message lives as long as the borrow, and so do its headers, which it parses here once.
    let error = unsafe { sys::rd_kafka_message_headers(message.ptr(), &raw mut headers) };
    if error != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR || headers.is_null() {
        return None;
    }
    let (mut value, mut size): (*const c_void, usize) = (ptr::null(), 0);
    // SAFETY: the headers are not null, and both results outlive the call.
    let error = unsafe {
        sys::rd_kafka_header_get_last(headers, name.as_ptr(), &raw mut value, &raw mut size)
    };
    if error != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
        return None;
    }
    // SAFETY: librdkafka gives so many bytes at this place, owned by the message.
    Some((!value.is_null()).then(|| unsafe { slice::from_raw_parts(value.cast::<u8>(), size) }))
}

/// An admin call that failed as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CallError {
    pub(crate) code: RDKafkaErrorCode,
    pub(crate) text: String,
}

/// A topic's name, and the number of its partitions or why it has none.
pub(crate) type Described = (String, Result<usize, RDKafkaErrorCode>);

/// How many partitions each topic has, asked from this broker. It makes no topic, whatever brokers and properties allow, and the client
/// remembers none of the names: rd_kafka_metadata() would do both. Blocks.
pub(crate) fn describe_topics(
    client: *mut RDKafka,
    broker: i32,
    names: &[CString],
    timeout: Duration,
) -> Result<Vec<Described>, CallError> {
    let mut pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
    // SAFETY: so many pointers to texts that outlive the call, which copies them.
    let topics = Owned::new(
        unsafe { sys::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), names.len()) },
        sys::rd_kafka_TopicCollection_destroy,
    )?;
    let operation = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS;
    let event = call(client, operation, broker, timeout, |options, queue| {
        // SAFETY: all four live until the event came.
        unsafe { sys::rd_kafka_DescribeTopics(client, topics.get(), options, queue) }
    })?;
    // SAFETY: the event lives until the end of the function, and its parts with it.
    let result = unsafe { sys::rd_kafka_event_DescribeTopics_result(event.get()) };
    if result.is_null() {
        return Err(CallError::none());
    }
    let mut count = 0;
    // SAFETY: as above.
    let descriptions =
        unsafe { sys::rd_kafka_DescribeTopics_result_topics(result, &raw mut count) };
    if descriptions.is_null() || count == 0 {
        return Ok(Vec::new());
    }
    // SAFETY: so many pointers; a topic that the broker left out is null.
    let descriptions = unsafe { slice::from_raw_parts(descriptions, count) };
    Ok(descriptions
        .iter()
        .filter(|topic| !topic.is_null())
        .map(|topic| described(*topic))
        .collect())
}

fn described(topic: *const sys::rd_kafka_TopicDescription_t) -> Described {
    // SAFETY: the topic is not null, and what is borrowed from it is copied at once.
    unsafe {
        let name = CStr::from_ptr(sys::rd_kafka_TopicDescription_name(topic));
        let name = name.to_string_lossy().into_owned();
        let error = sys::rd_kafka_TopicDescription_error(topic);
        let code = if error.is_null() {
            RDKafkaErrorCode::NoError
        } else {
            sys::rd_kafka_error_code(error).into()
        };
        if code != RDKafkaErrorCode::NoError {
            return (name, Err(code));
        }
        let mut partitions = 0;
        sys::rd_kafka_TopicDescription_partitions(topic, &raw mut partitions);
        (name, Ok(partitions))
    }
}

/// A broker that is known to be one now, asked from any broker that answers. It asks for no topic, and for no
/// controller, which a cluster may be without for a while. Blocks.
pub(crate) fn any_broker(client: *mut RDKafka, timeout: Duration) -> Result<i32, CallError> {
    let timeout = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    let mut metadata: *const sys::rd_kafka_metadata_t = ptr::null();
    // SAFETY: the client lives as long as its wrapper, which the caller holds. No topic is given, and none is local to a
    // client that never wrote.
    let error =
        unsafe { sys::rd_kafka_metadata(client, 0, ptr::null_mut(), &raw mut metadata, timeout) };
    CallError::check(error, ptr::null())?;
    if metadata.is_null() {
        return Err(CallError::none());
    }
    // SAFETY: not null, with so many brokers at its pointer; destroyed once, after the last use.
    let broker = unsafe {
        let (count, brokers) = ((*metadata).broker_cnt, (*metadata).brokers);
        let count = usize::try_from(count).unwrap_or(0);
        let brokers = if brokers.is_null() {
            &[]
        } else {
            slice::from_raw_parts(brokers.cast_const(), count)
        };
        let answered = (*metadata).orig_broker_id;
        let answered = Some(answered).filter(|id| brokers.iter().any(|broker| broker.id == *id));
        let broker = answered.or_else(|| brokers.first().map(|broker| broker.id));
        sys::rd_kafka_metadata_destroy(metadata);
        broker
    };
    broker.ok_or_else(CallError::none)
}

/// The cluster's id, once a broker told it. Does not block.
pub(crate) fn cluster_id(client: *mut RDKafka) -> Option<String> {
    // SAFETY: the client lives; with no time to wait it gives what is known.
    let id = unsafe { sys::rd_kafka_clusterid(client, 0) };
    if id.is_null() {
        return None;
    }
    // SAFETY: a text of its own, which ends with a zero, freed once after it was copied.
    unsafe {
        let text = CStr::from_ptr(id).to_string_lossy().into_owned();
        sys::rd_kafka_mem_free(client, id.cast::<c_void>());
        Some(text)
    }
}

/// Begins an admin call of this broker and waits for its event, which may be an error.
fn call(
    client: *mut RDKafka,
    operation: sys::rd_kafka_admin_op_t,
    broker: i32,
    timeout: Duration,
    begin: impl FnOnce(*const sys::rd_kafka_AdminOptions_t, *mut sys::rd_kafka_queue_t),
) -> Result<Owned<sys::rd_kafka_event_t>, CallError> {
    // SAFETY: the client lives as long as its wrapper, which the caller holds.
    let queue =
        Owned::new(unsafe { sys::rd_kafka_queue_new(client) }, sys::rd_kafka_queue_destroy)?;
    // SAFETY: as above.
    let options = Owned::new(
        unsafe { sys::rd_kafka_AdminOptions_new(client, operation) },
        sys::rd_kafka_AdminOptions_destroy,
    )?;
    let timeout = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    let mut text: [c_char; 256] = [0; 256];
    // SAFETY: the options live, and the buffer has the length that is given.
    let error = unsafe {
        sys::rd_kafka_AdminOptions_set_request_timeout(
            options.get(),
            timeout,
            text.as_mut_ptr(),
            text.len(),
        )
    };
    CallError::check(error, ptr::null())?;
    // SAFETY: as above. Without it the controller would be asked, and waited for.
    let error = unsafe {
        sys::rd_kafka_AdminOptions_set_broker(options.get(), broker, text.as_mut_ptr(), text.len())
    };
    CallError::check(error, ptr::null())?;
    begin(options.get(), queue.get());
    // SAFETY: the queue lives. librdkafka answers by its own timeout, a little later than asked at most.
    let event = unsafe { sys::rd_kafka_queue_poll(queue.get(), timeout.saturating_add(GRACE_MS)) };
    let event = Owned::new(event, sys::rd_kafka_event_destroy)?;
    // SAFETY: the event is not null; its text lives as long.
    let (error, text) = unsafe {
        (sys::rd_kafka_event_error(event.get()), sys::rd_kafka_event_error_string(event.get()))
    };
    CallError::check(error, text)?;
    Ok(event)
}

impl CallError {
    fn check(error: RDKafkaRespErr, text: *const c_char) -> Result<(), Self> {
        if error == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Ok(());
        }
        let text = if text.is_null() {
            error_text(error).to_owned()
        } else {
            // SAFETY: a text of librdkafka, which ends with a zero.
            unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
        };
        Err(Self { code: error.into(), text })
    }

    /// librdkafka gave nothing where it gives something, but at the end of a poll.
    fn none() -> Self {
        Self { code: RDKafkaErrorCode::OperationTimedOut, text: "no answer in time".to_owned() }
    }
}

/// Something of librdkafka's that ends with its owner.
struct Owned<T> {
    pointer: NonNull<T>,
    destroy: unsafe extern "C" fn(*mut T),
}

impl<T> Owned<T> {
    fn new(pointer: *mut T, destroy: unsafe extern "C" fn(*mut T)) -> Result<Self, CallError> {
        let pointer = NonNull::new(pointer).ok_or_else(CallError::none)?;
        Ok(Self { pointer, destroy })
    }

    fn get(&self) -> *mut T {
        self.pointer.as_ptr()
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: the pointer came with this function, is not null, and is destroyed once.
        unsafe { (self.destroy)(self.get()) }
    }
}

/// More than librdkafka needs to notice its own timeout, which it looks at once a second.
const GRACE_MS: i32 = 2000;
