#include "io/gzip.hpp"

#include <zlib.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/messages.hpp"
#include "gradus/error.hpp"
#include "gradus/io/file.hpp"

namespace gradus::io {
namespace {

/// A zlib stream for unpacking, freed at the end of its life.
struct Stream : z_stream {
  explicit Stream(int window_bits) : z_stream{} {
    if (inflateInit2(this, window_bits) != Z_OK) fail("gunzip", "zlib has no memory");
  }
  ~Stream() { inflateEnd(this); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  void read(std::string_view bytes) {
    next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    avail_in = static_cast<uInt>(bytes.size());
  }
  void write(char* to, std::size_t room) {
    next_out = reinterpret_cast<Bytef*>(to);
    avail_out = static_cast<uInt>(room);
  }
};

constexpr int gzip_window = 15 + 16, raw_window = -15;
constexpr std::size_t chunk = std::size_t{1} << 30;  // zlib counts in 32 bits

/// The blocks one after the other; each is freed as soon as it is copied.
std::string join(std::vector<std::string>& blocks, std::size_t size) {
  if (blocks.size() == 1) return std::move(blocks[0]);
  std::string out;
  out.reserve(size);
  for (std::string& block : blocks) {
    out += block;
    block = std::string();
  }
  return out;
}

}  // namespace

std::string gunzip(std::string_view bytes, const std::string& name, std::size_t limit) {
  if (!detail::is_gzip(bytes))
    fail("gunzip", name, ": does not begin with 1f 8b; gzip data is required");
  Stream stream(gzip_window);
  // Blocks do not move while they grow in number, as one string would.
  std::vector<std::string> blocks;
  std::size_t size = 0, room = 0, used = 0;  // room: what is left in the last block
  const auto damaged = [&](const std::string& what) {
    fail("gunzip", name, ": ", what, " at compressed byte ", used - stream.avail_in, " of ",
         bytes.size(), "; a whole gzip file is required; copy or download it again");
  };
  const auto too_long = [&] {
    fail("gunzip", name, ": unpacks to more than ", limit,
         " bytes, the limit; is it damaged or not what it claims to be?");
  };
  bool starved = true;  // the last call wrote all it could
  for (;;) {
    if (stream.avail_in == 0) {
      if (used == bytes.size() && starved) damaged("the data is cut off");
      const std::string_view next = bytes.substr(used, chunk);
      stream.read(next);
      used += next.size();
    }
    if (room == 0) {
      if (size > limit) too_long();
      room = std::min(std::min<std::size_t>(4 * bytes.size() + 1024, 1 << 22), limit + 1 - size);
      blocks.emplace_back(room, '\0');
    }
    stream.write(blocks.back().data() + blocks.back().size() - room, room);
    const int status = inflate(&stream, Z_NO_FLUSH);
    size += room - stream.avail_out;
    room = stream.avail_out;
    starved = stream.avail_out > 0;
    if (status == Z_STREAM_END) {
      const std::size_t at = used - stream.avail_in;
      if (at == bytes.size()) break;
      // A gzip file may hold several members, one behind the other.
      if (!detail::is_gzip(bytes.substr(at))) damaged("bytes that are not gzip follow");
      if (inflateReset2(&stream, gzip_window) != Z_OK) damaged("a further member is damaged");
    } else if (status != Z_OK && status != Z_BUF_ERROR) {
      damaged(std::string("damaged data (") + (stream.msg ? stream.msg : "unexpected end") + ")");
    }
  }
  if (size > limit) too_long();
  if (!blocks.empty()) blocks.back().resize(blocks.back().size() - room);
  return join(blocks, size);
}

namespace detail {

std::uint32_t crc32(std::string_view bytes, std::uint32_t sum) {
  return static_cast<std::uint32_t>(
      ::crc32_z(sum, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

std::string gunzip_prefix(std::string_view bytes, std::size_t count) {
  Stream stream(gzip_window);
  std::string out(count, '\0');
  stream.read(bytes.substr(0, chunk));
  stream.write(out.data(), count);
  inflate(&stream, Z_SYNC_FLUSH);
  out.resize(count - stream.avail_out);
  return out;
}

bool inflate_raw(std::string_view bytes, std::size_t size, std::string& out) {
  Stream stream(raw_window);
  out.clear();
  std::size_t used = 0, done = 0;
  int status = Z_OK;
  while (status == Z_OK) {
    if (stream.avail_in == 0) {
      const std::string_view next = bytes.substr(used, chunk);
      stream.read(next);
      used += next.size();
    }
    // Room for one byte more than declared shows data that is too long; memory grows with what was
    // really unpacked.
    if (done == out.size()) {
      if (done > size) return false;
      out.resize(std::min(std::max<std::size_t>(2 * done, 1 << 20), size + 1));
    }
    const std::size_t room = std::min(out.size() - done, chunk);
    stream.write(out.data() + done, room);
    status = inflate(&stream, Z_NO_FLUSH);
    done += room - stream.avail_out;
  }
  const bool whole =
      status == Z_STREAM_END && done == size && used - stream.avail_in == bytes.size();
  out.resize(std::min(done, size));
  return whole;
}

std::string deflate_raw(std::string_view bytes) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, raw_window, 8, Z_DEFAULT_STRATEGY) !=
      Z_OK)
    fail("deflate", "zlib has no memory");
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(std::min<std::size_t>(out.size(), UINT_MAX));
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace detail
}  // namespace gradus::io
