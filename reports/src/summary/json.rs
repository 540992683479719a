use serde::{Serialize, Serializer, ser::SerializeStruct};

use super::Summary;
use crate::{GeneratorLag, header::JSON_MARK};

impl Summary {
    /// What `summary.json` holds. The header alone is the first line, so that it can be read
    /// without reading the rest; keys are in a fixed order.
    pub fn to_json(&self) -> String {
        header_first(self)
    }
}

/// Pretty JSON of an object whose first key is the header, with the header on the first line.
pub(crate) fn header_first<T: Serialize + HasHeader>(report: &T) -> String {
    let text = serde_json::to_string_pretty(report).expect("keys are text and numbers are finite");
    let header = serde_json::to_string(report.header()).expect("a header is text and numbers");
    let rest =
        text.find("\n  },").expect("the header is the first of several keys") + "\n  },".len();
    format!("{JSON_MARK} {header},{}\n", &text[rest..])
}

/// A report that begins with a header.
pub(crate) trait HasHeader {
    fn header(&self) -> &crate::Header;
}

impl HasHeader for Summary {
    fn header(&self) -> &crate::Header {
        &self.header
    }
}

impl Serialize for GeneratorLag {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("GeneratorLag", 8)?;
        fields.serialize_field("lag_mean_s", &self.schedule.mean.as_secs_f64())?;
        fields.serialize_field("lag_p99_s", &self.schedule.p99.as_secs_f64())?;
        fields.serialize_field("lag_max_s", &self.schedule.max.as_secs_f64())?;
        fields.serialize_field("way_out_mean_s", &self.way_out.mean.as_secs_f64())?;
        fields.serialize_field("way_out_p99_s", &self.way_out.p99.as_secs_f64())?;
        fields.serialize_field("way_out_max_s", &self.way_out.max.as_secs_f64())?;
        fields.serialize_field("dropped_requests", &self.dropped)?;
        fields.serialize_field("generator_limited", &self.limited)?;
        fields.end()
    }
}
