#include "svg.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <gradus/error.hpp>

#include "results.hpp"

namespace bench {
namespace {

constexpr double kWidth = 720, kHeight = 420, kLeft = 70, kRight = 130, kTop = 40, kBottom = 50;

/// A logarithmic axis between whole powers of `base`.
struct Axis {
  double from, to, low, high, base;
  Axis(double smallest, double largest, double power, double low_end, double high_end)
      : from(std::floor(std::log(smallest) / std::log(power) + 1e-9)),
        to(std::ceil(std::log(largest) / std::log(power) - 1e-9)),
        low(low_end),
        high(high_end),
        base(power) {
    if (to <= from) to = from + 1;
  }
  double place(double value) const {
    return low + (high - low) * (std::log(value) / std::log(base) - from) / (to - from);
  }
};

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) result += c == '&' ? "&amp;" : c == '<' ? "&lt;" : std::string(1, c);
  return result;
}

std::string label(double x, double y, const std::string& text, const std::string& more) {
  return "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" " + more + ">" + escaped(text) +
         "</text>\n";
}

std::string line(double x1, double y1, double x2, double y2) {
  return "<line x1=\"" + number(x1) + "\" y1=\"" + number(y1) + "\" x2=\"" + number(x2) +
         "\" y2=\"" + number(y2) + "\" class=\"grid\"/>\n";
}

}  // namespace

std::string draw(const std::string& title, const std::string& x_name,
                 const std::vector<Series>& series) {
  static const char* const colours[] = {"#d1495b", "#7f7f7f", "#2e86de",
                                        "#1b9e77", "#e08e0b", "#8e5ea2"};
  double x_low = INFINITY, x_high = 0, y_low = INFINITY, y_high = 0;
  for (const Series& one : series)
    for (const auto& point : one.points) {
      x_low = std::min(x_low, point.first), x_high = std::max(x_high, point.first);
      y_low = std::min(y_low, point.second), y_high = std::max(y_high, point.second);
    }
  const std::string start =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 720 420\" "
      "font-family=\"sans-serif\" font-size=\"12\">\n"
      "<style>text{fill:#6e7781}.grid{stroke:#8c959f;stroke-opacity:.35}"
      "@media(prefers-color-scheme:dark){text{fill:#e6edf3}}</style>\n";
  if (x_high <= 0) return start + "</svg>\n";
  const Axis x(x_low, x_high, 4, kLeft, kWidth - kRight),
      y(y_low, y_high, 10, kHeight - kBottom, kTop);
  std::string text =
      start + label(kLeft, 22, title, "font-size=\"14\" font-weight=\"bold\"") +
      label((kLeft + kWidth - kRight) / 2, kHeight - 12, x_name, "text-anchor=\"middle\"");
  for (double power = x.from; power <= x.to; ++power) {
    const double value = std::pow(4, power), at = x.place(value);
    text += line(at, kTop, at, kHeight - kBottom) + label(at, kHeight - kBottom + 18,
                                                          gradus::text_of(std::lround(value)),
                                                          "text-anchor=\"middle\"");
  }
  for (double power = y.from; power <= y.to; ++power) {
    const double value = std::pow(10, power), at = y.place(value);
    text += line(kLeft, at, kWidth - kRight, at) +
            label(kLeft - 8, at + 4, time_text(value), "text-anchor=\"end\"");
  }
  std::vector<double> taken;  // where names stand, kept a line apart
  for (std::size_t i = 0; i < series.size(); ++i) {
    if (series[i].points.empty()) continue;
    const std::string colour = colours[i % std::size(colours)];
    std::string path;
    for (const auto& point : series[i].points)
      path += number(x.place(point.first)) + "," + number(y.place(point.second)) + " ";
    text += "<polyline points=\"" + path + "\" fill=\"none\" stroke=\"" + colour +
            "\" stroke-width=\"2\"/>\n";
    double at = y.place(series[i].points.back().second) + 4;
    for (bool moved = true; moved;) {
      moved = false;
      for (const double other : taken)
        if (std::abs(other - at) < 14) at = other + 14, moved = true;
    }
    taken.push_back(at);
    text += label(x.place(series[i].points.back().first) + 8, at, series[i].name,
                  "style=\"fill:" + colour + "\"");
  }
  return text + "</svg>\n";
}

}  // namespace bench
