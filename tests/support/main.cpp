#define CATCH_CONFIG_RUNNER
#include <cstdio>

#include "gradus/runtime.hpp"
#include "support/listener.hpp"

namespace gradus::test {
namespace {

/// After every test case the library must hold what it held before it.
class LeakListener : public ListenerBase {
 public:
  using ListenerBase::ListenerBase;

  void testCaseStarting(const Catch::TestCaseInfo& info) override {
    ListenerBase::testCaseStarting(info);
    name_ = info.name;
    before_ = memory_stats();
  }
  void testCaseEnded(const Catch::TestCaseStats& stats) override {
    ListenerBase::testCaseEnded(stats);
    const MemoryStats after = memory_stats();
    if (after.live_nodes == before_.live_nodes && after.live_tensors == before_.live_tensors &&
        after.live_buffers == before_.live_buffers)
      return;
    std::fprintf(stderr,
                 "\nleak: the test case \"%s\" left %lld nodes, %lld tensors and %lld buffers\n",
                 name_.c_str(), static_cast<long long>(after.live_nodes - before_.live_nodes),
                 static_cast<long long>(after.live_tensors - before_.live_tensors),
                 static_cast<long long>(after.live_buffers - before_.live_buffers));
    leaks = true;
  }
  static inline bool leaks = false;

 private:
  std::string name_;
  MemoryStats before_{};
};

CATCH_REGISTER_LISTENER(LeakListener)

bool leaks_found() { return LeakListener::leaks; }

}  // namespace
}  // namespace gradus::test

int main(int argc, char** argv) {
  const int result = Catch::Session().run(argc, argv);
  return result == 0 && gradus::test::leaks_found() ? 1 : result;
}
