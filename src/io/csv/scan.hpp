#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gradus/io/csv.hpp"

namespace gradus::io::detail {

/// Walks through the fields of CSV text, record by record, and knows where it is.
class CsvScanner {
 public:
  CsvScanner(std::string_view text, char delimiter, const std::string& name)
      : at_(text.data()),
        end_(text.data() + text.size()),
        line_start_(at_),
        field_(at_),
        delimiter_(delimiter),
        name_(name) {}

  /// Moves over blank lines to the next record; false at the end of the text.
  bool begin_record();
  /// Takes the next field if it is a plain finite number of at most `limit`; else stays before it.
  bool take_number(double& value, double limit);
  /// Takes the next field: without quotes and, if it had none, without blanks around it. Valid
  /// until the next call.
  std::string_view take();
  /// True if the field taken last was followed by a delimiter.
  bool more() const { return more_; }
  /// Takes the rest of a record; the number of its fields.
  Index skip();
  /// True if the field taken last was in quotes.
  bool quoted() const { return quoted_; }
  Index record_line() const { return record_line_; }

  /// Throws with the place of the field taken last (or of the record).
  [[noreturn]] void fail_here(const std::string& message) const;
  std::string here() const;

 private:
  std::string_view take_quoted();
  void finish_field();

  const char* at_;
  const char* end_;
  const char* line_start_;
  const char* field_;                  // where the field taken last begins
  const char* field_start_ = nullptr;  // beginning of its line
  Index line_ = 1, field_line_ = 1, record_line_ = 1;
  char delimiter_;
  bool more_ = false, quoted_ = false;
  std::string scratch_;
  const std::string& name_;
};

/// "name:line:column: " of a byte.
std::string place_of(std::string_view text, std::size_t at, const std::string& name);
/// The text as UTF-8 and without a byte order mark: a part of `text`, or `decoded`. Throws for
/// bytes that the encoding does not have.
std::string_view to_utf8(std::string_view text, Encoding encoding, const std::string& name,
                         std::string& decoded);
/// `"text"`, shortened, as it may be shown in a terminal.
std::string quote(std::string_view text);
/// value of a number written with '.' (or `decimal`); false if it is none. Infinite if too large.
bool parse_number(std::string_view text, char decimal, double& value);
inline bool is_number(std::string_view text, char decimal) {
  double ignored;
  return parse_number(text, decimal, ignored);
}
/// The delimiter that splits the first lines most evenly.
char detect_delimiter(std::string_view text);
/// The fields of one record.
std::vector<std::string> take_record(CsvScanner& scanner);

}  // namespace gradus::io::detail
