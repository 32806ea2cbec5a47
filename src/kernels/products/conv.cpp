#include "kernels/products/conv.hpp"

#include <algorithm>
#include <cstring>

#include "base/pool.hpp"
#include "base/threads.hpp"
#include "kernels/elementwise/elementwise.hpp"
#include "kernels/products/zeros.hpp"

namespace gradus::kernels {
namespace {

/// Uninitialised memory for as long as it lives.
class Scratch {
 public:
  explicit Scratch(Index bytes) : bytes_(static_cast<std::size_t>(std::max<Index>(bytes, 1))) {
    memory_ = detail::allocate(bytes_);
  }
  ~Scratch() { detail::release(memory_, bytes_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  void* get() const { return memory_; }

 private:
  std::size_t bytes_;
  void* memory_;
};

/// f(0), …: on the team if there is enough work for it.
template <class F>
void each(Index count, Index work_of_one, F f) {
  if (count > 1 && count * work_of_one > 20000) return parallel_for(count, f);
  for (Index i = 0; i < count; ++i) f(i);
}

/// Places [first, last) whose k-th input exists.
struct Range {
  Index first, last;
};

Range places(const Window& w, Index k) {
  const Index shift = w.padding - k * w.dilation;  // input = place stride - shift
  const Index first = shift > 0 ? (shift + w.stride - 1) / w.stride : 0;
  const Index room = w.input + shift;
  const Index last = room > 0 ? (room + w.stride - 1) / w.stride : 0;
  return {std::min(first, w.output), std::clamp(last, std::min(first, w.output), w.output)};
}

Index input_of(const Window& w, Index place, Index k) {
  return place * w.stride - w.padding + k * w.dilation;
}

/// The k of a window whose inputs exist at a place.
Range taps(const Window& w, Index place) {
  const Index start = place * w.stride - w.padding;
  const Index first = start < 0 ? (-start + w.dilation - 1) / w.dilation : 0;
  const Index room = w.input - start;
  const Index last = room > 0 ? (room + w.dilation - 1) / w.dilation : 0;
  return {std::min(first, w.kernel), std::clamp(last, std::min(first, w.kernel), w.kernel)};
}

template <class T>
void im2col(const Plane& p, Index channels, const T* x, T* columns) {
  for (Index c = 0; c < channels; ++c, x += p.inputs())
    for (Index ky = 0; ky < p.y.kernel; ++ky)
      for (Index kx = 0; kx < p.x.kernel; ++kx) {
        const Range across = places(p.x, kx);
        for (Index oy = 0; oy < p.y.output; ++oy, columns += p.x.output) {
          const Index iy = input_of(p.y, oy, ky);
          if (iy < 0 || iy >= p.y.input) {
            std::fill(columns, columns + p.x.output, T(0));
            continue;
          }
          std::fill(columns, columns + across.first, T(0));
          std::fill(columns + across.last, columns + p.x.output, T(0));
          const T* row = x + iy * p.x.input - p.x.padding + kx * p.x.dilation;
          if (p.x.stride == 1)
            std::copy(row + across.first, row + across.last, columns + across.first);
          else
            for (Index o = across.first; o < across.last; ++o) columns[o] = row[o * p.x.stride];
        }
      }
}

template <class T>
void col2im(const Plane& p, Index channels, const T* columns, T* x) {
  for (Index c = 0; c < channels; ++c, x += p.inputs())
    for (Index ky = 0; ky < p.y.kernel; ++ky)
      for (Index kx = 0; kx < p.x.kernel; ++kx) {
        const Range across = places(p.x, kx);
        for (Index oy = 0; oy < p.y.output; ++oy, columns += p.x.output) {
          const Index iy = input_of(p.y, oy, ky);
          if (iy < 0 || iy >= p.y.input) continue;
          T* row = x + iy * p.x.input - p.x.padding + kx * p.x.dilation;
          for (Index o = across.first; o < across.last; ++o) row[o * p.x.stride] += columns[o];
        }
      }
}

/// True if the columns of a plane are the plane itself.
bool is_plain(const Plane& p) {
  const auto plain = [](const Window& w) {
    return w.kernel == 1 && w.stride == 1 && w.padding == 0;
  };
  return plain(p.y) && plain(p.x);
}

/// Sizes and addresses of a convolution's matrices.
struct Matrices {
  const Convolution& c;
  DType t;
  Index bytes = static_cast<Index>(size_of(t));
  Index depth = c.in_channels * c.plane.kernels();
  Index places = c.plane.outputs();

  template <class V>
  V* at(V* base, Index elements) const {
    using Byte = std::conditional_t<std::is_const_v<V>, const char, char>;
    return static_cast<Byte*>(base) + elements * bytes;
  }
  template <class V>
  V* input(V* x, Index image, Index group) const {
    return at(x, (image * c.groups + group) * c.in_channels * c.plane.inputs());
  }
  template <class V>
  V* output(V* y, Index image, Index group) const {
    return at(y, (image * c.groups + group) * c.out_channels * places);
  }
  template <class V>
  V* weight(V* w, Index group) const {
    return at(w, group * c.out_channels * depth);
  }
  Index columns_bytes() const { return is_plain(c.plane) ? 0 : depth * places * bytes; }
  /// (depth, places) of an image's group, in `memory` unless the image itself will do.
  const void* columns(const void* x, void* memory) const {
    if (is_plain(c.plane)) return x;
    kernels::im2col(t, c.plane, c.in_channels, x, memory);
    return memory;
  }
  Index work() const { return c.out_channels * depth * places; }
};

/// The same factors in the other order.
Zeros swapped(Zeros z) {
  return z == Zeros::first ? Zeros::second : z == Zeros::second ? Zeros::first : z;
}

}  // namespace

void im2col(DType t, const Plane& p, Index channels, const void* x, void* columns) {
  if (t == DType::float32)
    im2col(p, channels, static_cast<const float*>(x), static_cast<float*>(columns));
  else
    im2col(p, channels, static_cast<const double*>(x), static_cast<double*>(columns));
}

void col2im(DType t, const Plane& p, Index channels, const void* columns, void* x) {
  if (t == DType::float32)
    col2im(p, channels, static_cast<const float*>(columns), static_cast<float*>(x));
  else
    col2im(p, channels, static_cast<const double*>(columns), static_cast<double*>(x));
}

void execute(const Convolve& call) {
  const Convolution& c = call.c;
  const Matrices m{c, call.type};
  each(c.images * c.groups, m.work(), [&](Index i) {
    const Index image = i / c.groups, group = i % c.groups;
    const Scratch memory(m.columns_bytes());
    // (out, depth) x (depth, places)
    execute(Gemm{call.type, false, false, c.out_channels, m.places, m.depth,
                 m.weight(call.w, group), m.depth,
                 m.columns(m.input(call.x, image, group), memory.get()), m.places, 0,
                 m.output(call.y, image, group), m.places, swapped(call.zeros)});
  });
}

void execute(const ConvolveInput& call) {
  const Convolution& c = call.c;
  const Matrices m{c, call.type};
  const Index size = c.in_channels * c.plane.inputs();
  each(c.images * c.groups, m.work(), [&](Index i) {
    const Index image = i / c.groups, group = i % c.groups;
    const Scratch memory(m.columns_bytes());
    void* const to = m.input(call.dx, image, group);
    void* const columns = is_plain(c.plane) ? to : memory.get();
    // (out, depth)^T x (out, places)
    execute(Gemm{call.type, true, false, m.depth, m.places, c.out_channels, m.weight(call.w, group),
                 m.depth, m.output(call.g, image, group), m.places, 0, columns, m.places,
                 swapped(call.zeros)});
    if (columns == to) return;
    std::memset(to, 0, static_cast<std::size_t>(size * m.bytes));
    col2im(call.type, c.plane, c.in_channels, columns, to);
  });
}

void execute(const ConvolveWeight& call) {
  const Convolution& c = call.c;
  const DType t = call.type;
  const Matrices m{c, t};
  if (c.images == 0) return execute(Fill{t, call.dw, 0, c.groups * c.out_channels * m.depth});
  each(c.groups, c.images * m.work(), [&](Index group) {
    const Scratch memory(m.columns_bytes());
    for (Index image = 0; image < c.images; ++image) {
      const void* const from = m.input(call.x, image, group);
      // The image is looked through in place of its columns, which hold each value many times.
      const bool finite =
          call.zeros == Zeros::second && all_finite(t, from, c.in_channels * c.plane.inputs());
      // (out, places) x (depth, places)^T
      execute(Gemm{t, false, true, c.out_channels, m.depth, m.places,
                   m.output(call.g, image, group), m.places, m.columns(from, memory.get()),
                   m.places, image ? 1. : 0., m.weight(call.dw, group), m.depth,
                   finite ? Zeros::none : swapped(call.zeros)});
    }
  });
}

namespace {

template <class T>
void max_positions(const Plane& p, const T* x, std::int64_t* index) {
  for (Index oy = 0; oy < p.y.output; ++oy)
    for (Index ox = 0; ox < p.x.output; ++ox) {
      const Range down = taps(p.y, oy), across = taps(p.x, ox);
      Index best = -1;
      for (Index ky = down.first; ky < down.last; ++ky)
        for (Index kx = across.first; kx < across.last; ++kx) {
          const Index at = input_of(p.y, oy, ky) * p.x.input + input_of(p.x, ox, kx);
          if (best < 0 || x[at] > x[best] || (x[at] != x[at] && x[best] == x[best])) best = at;
        }
      *index++ = best;
    }
}

/// Calls f(place, input, weight) for every element of every window.
template <class T, class F>
void each_average(const Plane& p, bool count_padding, F f) {
  for (Index oy = 0; oy < p.y.output; ++oy)
    for (Index ox = 0; ox < p.x.output; ++ox) {
      const Range down = taps(p.y, oy), across = taps(p.x, ox);
      const Index present = (down.last - down.first) * (across.last - across.first);
      const T scale = T(1) / static_cast<T>(count_padding ? p.kernels() : present);
      for (Index ky = down.first; ky < down.last; ++ky)
        for (Index kx = across.first; kx < across.last; ++kx)
          f(oy * p.x.output + ox, input_of(p.y, oy, ky) * p.x.input + input_of(p.x, ox, kx), scale);
    }
}

template <class T>
void average(const Plane& p, bool count_padding, const T* x, T* out) {
  std::fill(out, out + p.outputs(), T(0));
  each_average<T>(p, count_padding,
                  [&](Index place, Index at, T scale) { out[place] += scale * x[at]; });
}

template <class T>
void average_adjoint(const Plane& p, bool count_padding, const T* g, T* x) {
  std::fill(x, x + p.inputs(), T(0));
  each_average<T>(p, count_padding,
                  [&](Index place, Index at, T scale) { x[at] += scale * g[place]; });
}

}  // namespace

void execute(const MaxPositions& call) {
  const Plane& p = call.plane;
  each(call.planes, p.outputs() * p.kernels(), [&](Index i) {
    with_floating(call.type, [&]<class T>(T) {
      max_positions(p, static_cast<const T*>(call.x) + i * p.inputs(),
                    call.index + i * p.outputs());
    });
  });
}

void execute(const Average& call) {
  const Plane& p = call.plane;
  each(call.planes, p.outputs() * p.kernels(), [&](Index i) {
    with_floating(call.type, [&]<class T>(T) {
      average(p, call.count_padding, static_cast<const T*>(call.x) + i * p.inputs(),
              static_cast<T*>(call.out) + i * p.outputs());
    });
  });
}

void execute(const AverageBackward& call) {
  const Plane& p = call.plane;
  each(call.planes, p.outputs() * p.kernels(), [&](Index i) {
    with_floating(call.type, [&]<class T>(T) {
      average_adjoint(p, call.count_padding, static_cast<const T*>(call.g) + i * p.outputs(),
                      static_cast<T*>(call.dx) + i * p.inputs());
    });
  });
}

}  // namespace gradus::kernels
