#pragma once

#include <cstddef>

/// The sources of the pages, compiled in; the build writes their bytes (cmake/embed.cmake).
namespace gradus::embedded {

extern const unsigned char page_html[], base_css[], chart_js[], report_css[], report_js[],
    report_layers_js[], explain_css[], explain_js[];
extern const std::size_t page_html_size, base_css_size, chart_js_size, report_css_size,
    report_js_size, report_layers_js_size, explain_css_size, explain_js_size;

}  // namespace gradus::embedded
