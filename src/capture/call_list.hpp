#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "ops/host.hpp"

namespace gradus::detail {

/// The calls that it hears, one behind the other in memory, to be made again in this order.
class CallList : public kernels::Listener {
 public:
  void hear(const kernels::Kind& kind, const void* call) override;
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
    bool is_work() const { return kind == &kernels::kind_of<HostWork>; }
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
  /// What calls of the host's work point to.
  struct Work {
    std::function<void()> work;
    kernels::Description touches;
  };
  std::deque<Work> works_;
  std::size_t size_ = 0;
};

}  // namespace gradus::detail
