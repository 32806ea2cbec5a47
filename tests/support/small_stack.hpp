#pragma once

#include <pthread.h>

#include <exception>
#include <functional>
#include <utility>

#include "support/catch.hpp"

namespace gradus::test {

/// Runs f in a thread with a stack of 8 MB and passes its exception on.
inline void on_small_stack(std::function<void()> f) {
  struct Job {
    std::function<void()> run;
    std::exception_ptr error;
  };
  Job job{std::move(f), nullptr};
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  REQUIRE(pthread_attr_setstacksize(&attributes, std::size_t{8} << 20) == 0);
  pthread_t thread;
  const auto start = [](void* argument) -> void* {
    auto* self = static_cast<Job*>(argument);
    try {
      self->run();
    } catch (...) {
      self->error = std::current_exception();
    }
    return nullptr;
  };
  REQUIRE(pthread_create(&thread, &attributes, start, &job) == 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
  if (job.error) std::rethrow_exception(job.error);
}

}  // namespace gradus::test
