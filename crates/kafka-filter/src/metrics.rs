//! Metrics: the catalog, how a series is named, how many label values there may be, and the
//! recorder that the data path writes to.

pub mod cardinality;
pub mod catalog;
pub mod groups;
pub mod name;
pub mod recorder;
pub mod series;
