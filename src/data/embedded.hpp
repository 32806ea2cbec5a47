#pragma once

#include <cstddef>

/// Files that are compiled into the library; the build writes their bytes (cmake/embed.cmake).
namespace gradus::embedded {

/// data/digits.csv.gz as it lies there: gzip, 1,797 lines of 64 pixel values 0..16 and the class.
extern const unsigned char digits_csv_gz[];
extern const std::size_t digits_csv_gz_size;

}  // namespace gradus::embedded
