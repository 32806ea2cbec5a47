#include <algorithm>
#include <limits>
#include <unordered_set>

#include "base/messages.hpp"
#include "gradus/io/file.hpp"
#include "gradus/io/npy.hpp"
#include "io/bytes.hpp"
#include "io/gzip.hpp"

// Zip files, as far as NumPy writes them: stored or deflated members, with zip64 sizes.
namespace gradus::io {

using namespace detail;

namespace {

constexpr std::uint32_t local_mark = 0x04034b50, central_mark = 0x02014b50, end_mark = 0x06054b50,
                        end64_mark = 0x06064b50, locator64_mark = 0x07064b50;
constexpr std::size_t local_size = 30, central_size = 46, end_size = 22, end64_size = 56,
                      locator64_size = 20;
constexpr std::uint32_t full32 = 0xffffffff;

struct Member {
  std::string name;
  std::uint16_t flags, method;
  std::uint32_t checksum;
  std::uint64_t packed, size, offset;  // offset of the local header
};

class ZipReader {
 public:
  ZipReader(std::string_view bytes, const std::string& name) : bytes_(bytes), name_(name) {}

  std::vector<Member> members() {
    std::size_t end = find_end();
    std::uint64_t count = load<std::uint16_t>(bytes_, end + 10);
    std::uint64_t size = load<std::uint32_t>(bytes_, end + 12);
    std::uint64_t at = load<std::uint32_t>(bytes_, end + 16);
    if (load<std::uint16_t>(bytes_, end + 4) != 0 || load<std::uint16_t>(bytes_, end + 6) != 0)
      refuse(end, "one part of a zip file in several parts; a whole one is required");
    if (count == 0xffff || size == full32 || at == full32) read_end64(end, count, size, at);
    if (at > end || size > end - at)
      refuse(end, "the list of members lies outside of the file; the file is damaged");
    // Every entry takes central_size bytes or more, so the list's size bounds their number.
    if (count > size / central_size)
      refuse(end, text_of(count) + " members are declared, more than their list has room for");
    std::vector<Member> list;
    list_begin_ = at;
    const std::uint64_t stop = at + size;
    for (std::uint64_t i = 0; i < count; ++i) list.push_back(read_entry(at, stop));
    if (at != stop) refuse(at, "more follows the list of members than is declared");
    return list;
  }

  /// The unpacked bytes of a member.
  std::string unpack(const Member& m) {
    const std::uint64_t at = m.offset;
    if (at > list_begin_ || list_begin_ - at < local_size ||
        load<std::uint32_t>(bytes_, at) != local_mark)
      refuse(at, "member \"" + m.name + "\" is not where the list says; the file is damaged");
    const std::uint64_t skip = local_size + load<std::uint16_t>(bytes_, at + 26) +
                               std::uint64_t{load<std::uint16_t>(bytes_, at + 28)};
    if (skip > list_begin_ - at || m.packed > list_begin_ - at - skip)
      refuse(at, "member \"" + m.name + "\" reaches beyond the members' part of the file");
    const std::string_view packed = bytes_.substr(at + skip, m.packed);
    std::string out;
    if (m.size > default_unpacked_limit)
      refuse(at, "member \"" + m.name + "\" would unpack to " + text_of(m.size) +
                     " bytes, beyond the limit of " + text_of(default_unpacked_limit));
    if (m.method == 0) {
      if (m.packed != m.size) refuse(at, "the stored member \"" + m.name + "\" declares two sizes");
      out = packed;
    } else if (!inflate_raw(packed, m.size, out)) {
      refuse(at, "member \"" + m.name + "\" does not unpack to its declared " + text_of(m.size) +
                     " bytes; the file is damaged");
    }
    if (detail::crc32(out) != m.checksum)
      refuse(at,
             "member \"" + m.name + "\" has another checksum than declared; the file is damaged");
    return out;
  }

  [[noreturn]] void refuse(std::uint64_t at, const std::string& what) const {
    fail("read_npz", name_, ": byte ", at, ": ", what);
  }

 private:
  std::size_t find_end() const {
    if (bytes_.size() < end_size) refuse(0, "the file is too short for a zip file; is it cut off?");
    const std::size_t last = bytes_.size() - end_size;
    const std::size_t first = last - std::min<std::size_t>(last, 0xffff);
    for (std::size_t at = last + 1; at-- > first;)
      if (load<std::uint32_t>(bytes_, at) == end_mark &&
          load<std::uint16_t>(bytes_, at + 20) == last - at)
        return at;
    refuse(bytes_.size(), "no end of a zip file is found; is it cut off, or of another format?");
  }

  void read_end64(std::size_t& end, std::uint64_t& count, std::uint64_t& size, std::uint64_t& at) {
    if (end < locator64_size || load<std::uint32_t>(bytes_, end - locator64_size) != locator64_mark)
      refuse(end, "the large sizes of the zip file are missing");
    const std::uint64_t where = load<std::uint64_t>(bytes_, end - locator64_size + 8);
    if (where > end - locator64_size || end - locator64_size - where < end64_size ||
        load<std::uint32_t>(bytes_, where) != end64_mark)
      refuse(end, "the large sizes of the zip file are not where they should be");
    end = where;
    count = load<std::uint64_t>(bytes_, where + 32);
    size = load<std::uint64_t>(bytes_, where + 40);
    at = load<std::uint64_t>(bytes_, where + 48);
  }

  Member read_entry(std::uint64_t& at, std::uint64_t stop) const {
    if (stop - at < central_size || load<std::uint32_t>(bytes_, at) != central_mark)
      refuse(at, "the list of members is damaged");
    Member m;
    m.flags = load<std::uint16_t>(bytes_, at + 8);
    m.method = load<std::uint16_t>(bytes_, at + 10);
    m.checksum = load<std::uint32_t>(bytes_, at + 16);
    m.packed = load<std::uint32_t>(bytes_, at + 20);
    m.size = load<std::uint32_t>(bytes_, at + 24);
    m.offset = load<std::uint32_t>(bytes_, at + 42);
    const std::uint64_t name = load<std::uint16_t>(bytes_, at + 28);
    const std::uint64_t extra = load<std::uint16_t>(bytes_, at + 30);
    const std::uint64_t comment = load<std::uint16_t>(bytes_, at + 32);
    if (name + extra + comment > stop - at - central_size)
      refuse(at, "an entry reaches beyond the list of members");
    m.name = bytes_.substr(at + central_size, name);
    read_sizes64(m, bytes_.substr(at + central_size + name, extra), at);
    if (m.flags & 1)
      refuse(at, "member \"" + m.name + "\" is encrypted; save it without a password");
    if (m.method != 0 && m.method != 8)
      refuse(at, "member \"" + m.name + "\" is packed by method " + text_of(m.method) +
                     "; stored (0) or deflated (8) is required");
    at += central_size + name + extra + comment;
    return m;
  }

  /// Sizes that do not fit 32 bits stand in an extra field, in this order.
  void read_sizes64(Member& m, std::string_view extra, std::uint64_t at) const {
    if (m.size != full32 && m.packed != full32 && m.offset != full32) return;
    while (extra.size() >= 4) {
      const auto id = load<std::uint16_t>(extra, 0);
      const std::size_t length = load<std::uint16_t>(extra, 2);
      if (length > extra.size() - 4) break;
      std::string_view field = extra.substr(4, length);
      extra.remove_prefix(4 + length);
      if (id != 1) continue;
      for (std::uint64_t* value : {&m.size, &m.packed, &m.offset}) {
        if (*value != full32) continue;
        if (field.size() < 8) refuse(at, "the large size of member \"" + m.name + "\" is missing");
        *value = load<std::uint64_t>(field, 0);
        field.remove_prefix(8);
      }
      return;
    }
    refuse(at, "the large size of member \"" + m.name + "\" is missing");
  }

  std::string_view bytes_;
  const std::string& name_;
  std::uint64_t list_begin_ = 0;
};

/// The part of an entry that its local and its central header share.
std::string shared_header(const Member& m) {
  std::string out;
  store(out, std::uint16_t{20});     // version needed
  store(out, std::uint16_t{0x800});  // names are UTF-8
  store(out, m.method);
  store(out, std::uint16_t{0});     // time
  store(out, std::uint16_t{0x21});  // 1 January 1980
  store(out, m.checksum);
  store(out, static_cast<std::uint32_t>(m.packed));
  store(out, static_cast<std::uint32_t>(m.size));
  store(out, static_cast<std::uint16_t>(m.name.size()));
  store(out, std::uint16_t{0});  // extra field
  return out;
}

}  // namespace

NamedTensors parse_npz(std::string_view bytes, const std::string& name) {
  ZipReader zip(bytes, name);
  NamedTensors tensors;
  std::unordered_set<std::string> seen;
  std::uint64_t last_end = 0;
  std::vector<Member> members = zip.members();
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
  for (const Member& m : members) ranges.emplace_back(m.offset, m.packed);
  std::sort(ranges.begin(), ranges.end());
  // Members that share bytes would let a small file unpack to a huge one.
  for (const auto& [offset, packed] : ranges) {
    if (offset < last_end) zip.refuse(offset, "two members overlap; the file is damaged");
    if (__builtin_add_overflow(offset, packed, &last_end))
      zip.refuse(offset, "a member reaches beyond the file");
  }
  for (const Member& m : members) {
    constexpr std::string_view ending = ".npy";
    if (m.name.size() <= ending.size() || !m.name.ends_with(ending))
      zip.refuse(m.offset,
                 "member \"" + m.name + "\" is no .npy file; a file of arrays is required");
    const std::string key = m.name.substr(0, m.name.size() - ending.size());
    if (!seen.insert(key).second) zip.refuse(m.offset, "two members are called \"" + m.name + "\"");
    tensors.emplace_back(key, parse_npy(zip.unpack(m), name + "/" + m.name));
  }
  return tensors;
}

NamedTensors read_npz(const std::string& path) {
  return parse_npz(read_file(path, {.unpack = false}), path);
}

std::string format_npz(const NamedTensors& tensors, NpzOptions options) {
  std::string out, list;
  std::unordered_set<std::string> seen;
  const auto refuse = [](const std::string& what) { fail("write_npz", what); };
  for (const auto& [key, tensor] : tensors) {
    if (key.empty() || key.size() > 0xff00)
      refuse("a name of " + text_of(key.size()) + " bytes was given; 1 to 65280 are required");
    if (!seen.insert(key).second) refuse("the name \"" + key + "\" was given twice");
    const std::string array = format_npy(tensor);
    const bool fits = array.size() < full32 && out.size() < full32;
    const std::string packed = options.compress && fits ? deflate_raw(array) : array;
    const Member m{key + ".npy",
                   0,
                   static_cast<std::uint16_t>(options.compress ? 8 : 0),
                   detail::crc32(array),
                   packed.size(),
                   array.size(),
                   out.size()};
    if (std::max({m.packed, m.size, m.offset}) >= full32)
      refuse("\"" + key +
             "\" reaches beyond 4 GiB, the limit of .npz here; write .npy files or "
             "safetensors");
    store(list, central_mark);
    store(list, std::uint16_t{20});
    list += shared_header(m);
    list.append(6, '\0');  // no comment, first disk, no internal attributes
    store(list, std::uint32_t{0600u << 16});
    store(list, static_cast<std::uint32_t>(m.offset));
    list += m.name;
    store(out, local_mark);
    out += shared_header(m);
    out += m.name;
    out += packed;
  }
  if (tensors.size() >= 0xffff || out.size() + list.size() >= full32)
    refuse("more than 65534 tensors or 4 GiB were given, the limit of .npz here");
  const std::size_t at = out.size();
  out += list;
  store(out, end_mark);
  store(out, std::uint32_t{0});
  store(out, static_cast<std::uint16_t>(tensors.size()));
  store(out, static_cast<std::uint16_t>(tensors.size()));
  store(out, static_cast<std::uint32_t>(list.size()));
  store(out, static_cast<std::uint32_t>(at));
  store(out, std::uint16_t{0});
  return out;
}

void write_npz(const std::string& path, const NamedTensors& tensors, NpzOptions options) {
  write_file_atomically(path, format_npz(tensors, {.compress = options.compress}));
}

}  // namespace gradus::io
