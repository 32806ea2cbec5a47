// The version of these headers, and of the library that was linked.
#pragma once

/// The version of these headers, for #if. CMake reads it here, too.
#define GRADUS_VERSION_MAJOR 0
#define GRADUS_VERSION_MINOR 1
#define GRADUS_VERSION_PATCH 0

namespace gradus {

/// The version of the library that was linked: "0.1.0".
const char* version() noexcept;

namespace detail {
/// Only the library of these headers' version has it: where the linker misses it, the headers are
/// those of another gradus than the library.
template <int major, int minor>
struct HeadersAndLibraryOfVersion {
  static void agree() noexcept;
};
extern template struct HeadersAndLibraryOfVersion<GRADUS_VERSION_MAJOR, GRADUS_VERSION_MINOR>;

[[gnu::used, gnu::retain]] inline void (*const headers_and_library)() noexcept =
    HeadersAndLibraryOfVersion<GRADUS_VERSION_MAJOR, GRADUS_VERSION_MINOR>::agree;
}  // namespace detail

}  // namespace gradus
