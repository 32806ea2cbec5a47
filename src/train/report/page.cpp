#include "train/report/page.hpp"

#include <array>
#include <charconv>
#include <cstdlib>

#include "train/report/web/embedded.hpp"
#include "train/save/json.hpp"

namespace gradus::train::detail {

namespace {

/// Puts `text` where `mark` stands.
void fill(std::string& page, std::string_view mark, std::string_view text) {
  if (const std::size_t at = page.find(mark); at != std::string::npos)
    page.replace(at, mark.size(), text);
}

std::string joined(const std::vector<Source>& sources) {
  std::string out;
  for (const Source& source : sources) out += source.text();
  return out;
}

}  // namespace

Json short_number(double value) {
  if (!std::isfinite(value)) return nullptr;
  if (value == std::floor(value) && std::abs(value) < 1e9) return static_cast<std::int64_t>(value);
  std::array<char, 32> text;
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::general, 5);
  double rounded = 0;
  std::from_chars(text.data(), end.ptr, rounded);
  return rounded;
}

Json short_numbers(const std::vector<double>& values) {
  Json out = Json::array();
  for (const double value : values) out.push_back(short_number(value));
  return out;
}

std::string page(const Head& head, const std::vector<Source>& css, const std::vector<Source>& js,
                 const Json& data) {
  std::string text = dump(data);
  // A "<" stands only in texts, where it may be written as an escape.
  for (std::size_t at = 0; (at = text.find('<', at)) != std::string::npos;)
    text.replace(at, 1, "\\u003c");
  std::string out(Source{embedded::page_html, embedded::page_html_size}.text());
  fill(out, "<!--title-->", head.title);
  fill(out, "<!--what-->", head.what);
  fill(out, "<!--id-->", head.id);
  fill(out, "<!--css-->", "<style>\n" + joined(css) + "</style>");
  fill(out, "<!--js-->", "<script>\n" + joined(js) + "</script>");
  fill(out, "<!--data-->", "<script type=\"application/json\" id=\"data\">" + text + "</script>");
  return out;
}

}  // namespace gradus::train::detail
