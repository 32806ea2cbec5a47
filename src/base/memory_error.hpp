#pragma once

#include "gradus/error.hpp"

namespace gradus::detail {

/// Memory ran out. Says nothing about what was being tried: who catches an Error to go on without
/// what failed lets this one through, as std::bad_alloc.
class MemoryError : public Error {
 public:
  using Error::Error;
};

/// The message of the Error that work() throws, "" if it does not; want of memory goes on.
template <class F>
std::string failure_of(const F& work) {
  try {
    work();
  } catch (const MemoryError&) {
    throw;
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace gradus::detail
