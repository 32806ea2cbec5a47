#include "io/csv/scan.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>

#include "base/messages.hpp"
#include "gradus/error.hpp"
#include "io/csv/table.hpp"

namespace gradus::io::detail {

bool CsvScanner::begin_record() {
  for (;;) {
    const char* p = at_;
    while (p != end_ && *p == ' ') ++p;
    if (p == end_) return false;
    if (*p != '\n' && *p != '\r') break;
    at_ = p;
    finish_field();
  }
  record_line_ = field_line_ = line_;
  field_ = at_;
  field_start_ = line_start_;
  more_ = true;
  return true;
}

namespace {

/// As std::from_chars, and faster for what files mostly hold: up to 15 digits, perhaps with a point
/// among them. Both they and the power of ten are exact, so that the quotient is rounded once.
std::from_chars_result read_number(const char* first, const char* last, double& value) {
  static constexpr double powers[] = {1,   1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                      1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
  const bool negative = first != last && *first == '-';
  std::int64_t whole = 0;
  int digits = 0, decimals = 0;
  bool point = false;
  const char* p = first + negative;
  for (; p != last && digits <= 15; ++p) {
    if (*p >= '0' && *p <= '9') {
      whole = 10 * whole + (*p - '0');
      ++digits;
      decimals += point;
    } else if (*p == '.' && !point) {
      point = true;
    } else {
      break;
    }
  }
  const bool ends = p == last || *p == ',' || *p == '\n' || *p == '\r' || *p == ';' || *p == '\t';
  if (digits == 0 || digits > 15 || !ends) return std::from_chars(first, last, value);
  value = static_cast<double>(whole) / powers[decimals];
  if (negative) value = -value;
  return {p, std::errc()};
}

/// True for apostrophes and blanks, if any, before a character with which formulas begin.
bool looks_like_formula(std::string_view text) {
  const std::size_t at = std::min(text.find_first_not_of("' "), text.size());
  const std::string_view rest = text.substr(at);
  if (rest.empty()) return false;
  if (std::string_view("=+-@\t\r\n").find(rest[0]) != rest.npos) return true;
  for (const std::string_view wide : {"＝", "＋", "－", "＠"})
    if (rest.starts_with(wide)) return true;
  return false;
}

std::string_view without_apostrophe(std::string_view text) {
  if (!text.starts_with('\'')) return text;
  const std::string_view rest = text.substr(1);
  return looks_like_formula(rest) && !is_number(rest, '.') ? rest : text;
}

}  // namespace

bool CsvScanner::take_number(double& value, double limit) {
  const char* p = at_;
  while (p != end_ && *p == ' ') ++p;
  const auto [stop, error] = read_number(p, end_, value);
  if (error != std::errc() || !(std::abs(value) <= limit)) return false;
  if (stop != end_ && *stop != delimiter_ && *stop != '\n' && *stop != '\r') return false;
  field_ = p;
  field_start_ = line_start_;
  field_line_ = line_;
  quoted_ = false;
  at_ = stop;
  finish_field();
  return true;
}

std::string_view CsvScanner::take() {
  const auto blank = [this](char c) { return c == ' ' || (c == '\t' && delimiter_ != '\t'); };
  while (at_ != end_ && blank(*at_)) ++at_;
  field_ = at_;
  field_start_ = line_start_;
  field_line_ = line_;
  quoted_ = at_ != end_ && *at_ == '"';
  if (quoted_) return without_apostrophe(take_quoted());
  while (at_ != end_ && *at_ != delimiter_ && *at_ != '\n' && *at_ != '\r') ++at_;
  const char* last = at_;
  while (last != field_ && blank(last[-1])) --last;
  const std::string_view text(field_, static_cast<std::size_t>(last - field_));
  finish_field();
  return without_apostrophe(text);
}

std::string_view CsvScanner::take_quoted() {
  ++at_;
  scratch_.clear();
  for (;; ++at_) {
    if (at_ == end_)
      fail_here(
          "the quote that opens here is never closed; add the closing quote, or double a "
          "quote that is part of the text");
    if (*at_ == '"') {
      if (at_ + 1 == end_ || at_[1] != '"') break;
      ++at_;
    } else if (*at_ == '\n') {
      ++line_;
      line_start_ = at_ + 1;
    }
    scratch_ += *at_;
  }
  ++at_;
  while (at_ != end_ && (*at_ == ' ' || (*at_ == '\t' && delimiter_ != '\t'))) ++at_;
  if (at_ != end_ && *at_ != delimiter_ && *at_ != '\n' && *at_ != '\r')
    fail_here("text follows the closing quote of " + quote(scratch_) +
              "; a delimiter or the end of the line is required; double a quote that is part of "
              "the text");
  finish_field();
  return scratch_;
}

void CsvScanner::finish_field() {
  more_ = at_ != end_ && *at_ == delimiter_;
  if (more_) {
    ++at_;
  } else if (at_ != end_) {
    if (*at_ == '\r' && at_ + 1 != end_ && at_[1] == '\n') ++at_;
    ++at_;
    ++line_;
    line_start_ = at_;
  }
}

Index CsvScanner::skip() {
  Index count = 0;
  while (more_) {
    take();
    ++count;
  }
  return count;
}

std::string CsvScanner::here() const {
  return compose(name_, ":", field_line_, ":", field_ - field_start_ + 1);
}

void CsvScanner::fail_here(const std::string& message) const {
  fail("read_csv", here(), ": ", message);
}

std::string quote(std::string_view text) {
  std::size_t shown = std::min<std::size_t>(text.size(), 40);
  if (shown < text.size())
    while (shown > 37 && (text[shown] & 0xc0) == 0x80) --shown;  // not within a letter
  std::string quoted = printable(text.substr(0, shown));
  for (std::size_t at = 0; (at = quoted.find('"', at)) != quoted.npos;)
    quoted.replace(at, 1, "\\x22");  // where the text ends is not for it to say
  return compose("\"", quoted, (shown < text.size() ? "…\"" : "\""));
}

bool parse_number(std::string_view text, char decimal, double& value) {
  std::string copy;
  if (decimal != '.') {
    if (text.find('.') != text.npos) return false;
    copy = text;
    std::replace(copy.begin(), copy.end(), decimal, '.');
    text = copy;
  }
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::invalid_argument || stop != text.data() + text.size()) return false;
  if (error == std::errc::result_out_of_range) {
    const std::size_t e = text.find_first_of("eE");
    const bool tiny = e == text.npos ? text.find_first_of("123456789") > text.find('.')
                                     : text.substr(e).find('-') != text.npos;
    value = tiny ? 0.0 : std::numeric_limits<double>::infinity();
  }
  return true;
}

char detect_delimiter(std::string_view text) {
  constexpr Index sample = 50;
  const std::string name;
  char best = ',';
  Index best_score = 0;
  for (const char candidate : {'\t', ';', ','}) {
    CsvScanner scanner(text, candidate, name);
    std::map<Index, Index> records_of;  // by number of fields
    try {
      for (Index i = 0; i < sample && scanner.begin_record(); ++i) ++records_of[scanner.skip()];
    } catch (const Error&) {
      // Quotes that do not fit are reported when the file is read.
    }
    for (const auto& [fields, records] : records_of)
      if (fields > 1 && records > best_score) {
        best = candidate;
        best_score = records;
      }
  }
  return best;
}

std::vector<std::string> take_record(CsvScanner& scanner) {
  std::vector<std::string> fields;
  while (scanner.more()) fields.emplace_back(scanner.take());
  return fields;
}

}  // namespace gradus::io::detail

namespace gradus::io {

std::string csv_field(std::string_view text, char delimiter) {
  std::string out;
  if (detail::looks_like_formula(text) && !detail::is_number(text, '.')) out = "'";
  out += text;
  const bool missing = detail::is_missing(text, {});  // without quotes
  const bool outer = !out.empty() && (out.front() == ' ' || out.front() == '\t' ||
                                      out.back() == ' ' || out.back() == '\t');
  if (!missing && !outer && out.find(delimiter) == out.npos &&
      out.find_first_of("\"\n\r") == out.npos)
    return out;
  for (std::size_t at = 0; (at = out.find('"', at)) != out.npos; at += 2) out.insert(at, 1, '"');
  return '"' + out + '"';
}

}  // namespace gradus::io
