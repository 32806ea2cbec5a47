#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "kernels/call.hpp"

namespace gradus::detail {

/// Work of the host among the calls of kernels. What it reads is not known: all that is not freed.
struct HostWork {
  static constexpr const char* name = "host";
  const std::function<void()>* work;
  void describe(kernels::Description&) const {}
};
inline void execute(const HostWork& call) { (*call.work)(); }

/// The calls that it hears, one behind the other in memory, to be made again in this order.
class CallList : public kernels::Listener {
 public:
  void hear(const kernels::Kind& kind, const void* call) override { add(kind, call, kind.bytes); }
  void hear(std::function<void()> work) override {
    works_.push_back(std::move(work));
    const HostWork call{&works_.back()};
    add(kernels::kind_of<HostWork>, &call, sizeof call);
  }
  void add(const kernels::Kind& kind, const void* call, std::size_t bytes);
  void run() const {
    const std::byte* const end = bytes_.data() + bytes_.size();
    for (const std::byte* at = bytes_.data(); at != end;) {
      const auto* header = reinterpret_cast<const Header*>(at);
      header->execute(header + 1);
      at += header->bytes;
    }
  }
  /// How many calls there are, and how many of them are work of the host.
  const std::size_t& size() const { return size_; }
  std::size_t works() const { return works_.size(); }

  struct Item {
    const kernels::Kind* kind;
    const void* call;
    std::size_t bytes;
    kernels::Description describe() const {
      kernels::Description d;
      kind->describe(call, d);
      return d;
    }
  };
  std::vector<Item> items() const;
  /// A line for each call: its name, its operands with access and bytes, its numbers.
  std::string text() const;
  /// Takes the calls of another list instead; works stay.
  void replace_calls(CallList&& by) {
    bytes_ = std::move(by.bytes_);
    size_ = by.size_;
  }

 private:
  struct Header {
    void (*execute)(const void*);
    const kernels::Kind* kind;
    std::size_t bytes;
  };
  std::vector<std::byte> bytes_;
  std::deque<std::function<void()>> works_;
  std::size_t size_ = 0;
};

}  // namespace gradus::detail
