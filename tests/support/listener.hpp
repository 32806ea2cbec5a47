#pragma once

// What is told of the course of the tests, under one name for Catch2 2 and 3. For files that define
// CATCH_CONFIG_RUNNER or CATCH_CONFIG_EXTERNAL_INTERFACES.

#include "support/catch.hpp"

namespace gradus::test {

#if GRADUS_CATCH2_MAJOR >= 3
using ListenerBase = Catch::EventListenerBase;
#else
using ListenerBase = Catch::TestEventListenerBase;
#endif

}  // namespace gradus::test
