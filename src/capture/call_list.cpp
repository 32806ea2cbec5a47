#include "capture/call_list.hpp"

#include <cstring>
#include <map>

#include "base/messages.hpp"
#include "gradus/error.hpp"

namespace gradus::detail {

void CallList::hear(const kernels::Kind& kind, const void* call) {
  if (&kind != &kernels::kind_of<HostWork>) return add(kind, call, kind.bytes);
  const HostWork& heard = *static_cast<const HostWork*>(call);
  const Work& work = works_.emplace_back(Work{*heard.work, *heard.touches});
  const HostWork own{&work.work, &work.touches};
  add(kind, &own, sizeof own);
}

void CallList::add(const kernels::Kind& kind, const void* call, std::size_t bytes) {
  const Header header{kind.execute, &kind, sizeof(Header) + (bytes + 7) / 8 * 8};
  const std::size_t at = bytes_.size();
  bytes_.resize(at + header.bytes);
  std::memcpy(&bytes_[at], &header, sizeof header);
  std::memcpy(&bytes_[at + sizeof header], call, bytes);
  ++size_;
}

std::vector<CallList::Item> CallList::items() const {
  std::vector<Item> list;
  for (std::size_t at = 0; at != bytes_.size();) {
    const auto* header = reinterpret_cast<const Header*>(&bytes_[at]);
    list.push_back({header->kind, header + 1, header->bytes - sizeof(Header)});
    at += header->bytes;
  }
  return list;
}

std::string CallList::text() const {
  std::map<const std::byte*, std::size_t> places;  // in the order of their first use
  std::string lines;
  for (const Item& item : items()) {
    const kernels::Description d = item.describe();
    lines += item.kind->name;
    for (const kernels::Operand& o : d.operands) {
      const std::size_t place = places.emplace(o.data, places.size()).first->second;
      const char* const access = !o.is_read() ? " -> " : o.is_written() ? " <> " : " <- ";
      lines += compose(" ", o.name, access, "m", place, ":", o.bytes);
    }
    for (const kernels::Description::Number& number : d.numbers)
      lines += compose(" ", number.name, "=", number.value);
    lines += "\n";
  }
  return lines;
}

}  // namespace gradus::detail
