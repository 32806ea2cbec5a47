#pragma once

#include "gradus/error.hpp"

namespace gradus::detail {

/// Memory ran out. Says nothing about what was being tried: who catches an Error to go on without
/// what failed lets this one through, as std::bad_alloc.
class MemoryError : public Error {
 public:
  using Error::Error;
};

}  // namespace gradus::detail
