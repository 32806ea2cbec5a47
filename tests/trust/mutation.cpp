// The switches of a program with changes, and which of them each test case reaches: with
// GRADUS_REACH, a line "seconds <tab> passed <tab> name <tab> numbers" is written there for each
// test case.
#define CATCH_CONFIG_EXTERNAL_INTERFACES
#include "mutation.hpp"

#include <chrono>
#include <cstdlib>
#include <fstream>

#include "support/listener.hpp"

namespace mutation {

using gradus::test::ListenerBase;

int active = std::getenv("GRADUS_MUTANT") ? std::atoi(std::getenv("GRADUS_MUTANT")) : -1;
int reached[most];

namespace {

class ReachListener : public ListenerBase {
 public:
  using ListenerBase::ListenerBase;
  void testCaseStarting(const Catch::TestCaseInfo& info) override {
    ListenerBase::testCaseStarting(info);
    name_ = info.name;
    start_ = std::chrono::steady_clock::now();
    for (int& place : reached) place = 0;
  }
  void testCaseEnded(const Catch::TestCaseStats& stats) override {
    ListenerBase::testCaseEnded(stats);
    static const char* const path = std::getenv("GRADUS_REACH");
    if (!path) return;
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start_;
    std::ofstream out(path, std::ios::app);
    out << seconds.count() << '\t' << stats.totals.assertions.allOk() << '\t' << name_ << '\t';
    for (int n = 0; n < most; ++n)
      if (reached[n]) out << n << ' ';
    out << '\n';
  }

 private:
  std::string name_;
  std::chrono::steady_clock::time_point start_;
};

CATCH_REGISTER_LISTENER(ReachListener)

}  // namespace
}  // namespace mutation
