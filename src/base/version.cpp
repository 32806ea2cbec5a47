#include "gradus/version.hpp"

#define GRADUS_TEXT_OF(x) #x
#define GRADUS_TEXT(x) GRADUS_TEXT_OF(x)

namespace gradus {

const char* version() noexcept {
  return GRADUS_TEXT(GRADUS_VERSION_MAJOR) "." GRADUS_TEXT(GRADUS_VERSION_MINOR) "." GRADUS_TEXT(
      GRADUS_VERSION_PATCH);
}

namespace detail {
template <int major, int minor>
void HeadersAndLibraryOfVersion<major, minor>::agree() noexcept {}
template struct HeadersAndLibraryOfVersion<GRADUS_VERSION_MAJOR, GRADUS_VERSION_MINOR>;
}  // namespace detail

}  // namespace gradus
