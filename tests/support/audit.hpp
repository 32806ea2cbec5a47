#pragma once

// Whether kernels touch what their calls say, and nothing else.

#include <cstring>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "kernels/call.hpp"

namespace gradus::test {

/// Ones where the struct has fields, zeros where it has padding; nothing if the compiler cannot
/// tell.
template <class Call>
std::vector<std::byte> fields_of() {
  std::vector<std::byte> bytes;
#if defined(__has_builtin)
#if __has_builtin(__builtin_clear_padding)
  Call call;
  std::memset(static_cast<void*>(&call), 0xff, sizeof call);
  __builtin_clear_padding(&call);
  bytes.resize(sizeof call);
  std::memcpy(bytes.data(), &call, sizeof call);
#endif
#endif
  return bytes;
}

/// While it listens, each call is made twice beside itself, on copies of its operands between guard
/// bytes: with other bytes in what it only writes, and in the guards. What it writes has to be the
/// same, and all else has to stay. An elementwise call is also made for a part of its elements.
class Audit : public kernels::Listener {
 public:
  using Bytes = std::vector<std::byte>;

  /// Of the kinds in `fields`, which maps a name to the bytes of the struct that are no padding, it
  /// is also looked whether they hold other addresses than those of their operands.
  explicit Audit(std::map<std::string, Bytes> fields = {}) : fields_(std::move(fields)) {
    kernels::listener = this;
  }
  ~Audit() { kernels::listener = nullptr; }
  Audit(const Audit&) = delete;
  Audit& operator=(const Audit&) = delete;

  void hear(const kernels::Kind& kind, const void* call) override;

  const std::set<std::string>& kinds() const { return kinds_; }
  const std::vector<std::string>& faults() const { return faults_; }

 private:
  std::map<std::string, Bytes> fields_;
  std::set<std::string> kinds_;
  std::map<std::string, int> heard_;
  std::vector<std::string> faults_;
};

}  // namespace gradus::test
