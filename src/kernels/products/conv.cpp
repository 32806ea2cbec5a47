#include "kernels/products/conv.hpp"

#include <algorithm>

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

struct Range {
  Index first, last;
};

/// The i of 0 .. most - 1 for which 0 <= i step - shift < size.
Range within(Index shift, Index step, Index size, Index most) {
  const auto steps = [=](Index way) { return way > 0 ? (way + step - 1) / step : 0; };
  const Index first = std::min(steps(shift), most);
  return {first, std::clamp(steps(size + shift), first, most)};
}

/// Places whose k-th input exists.
Range places(const Window& w, Index k) {
  return within(w.padding - k * w.dilation, w.stride, w.input, w.output);
}

/// The k of a window whose inputs exist at a place.
Range taps(const Window& w, Index place) {
  return within(w.padding - place * w.stride, w.dilation, w.input, w.kernel);
}

Index input_of(const Window& w, Index place, Index k) {
  return place * w.stride - w.padding + k * w.dilation;
}

/// f(columns, present, row) for each row of outputs: where its columns are, the places whose inputs
/// exist (none in padding), and the input of place 0, where that is, in x (channels, inputs).
template <class C, class X, class F>
void each_row(const Plane& p, Index channels, C* columns, X* x, F f) {
  for (Index c = 0; c < channels; ++c, x += p.inputs())
    for (Index ky = 0; ky < p.y.kernel; ++ky)
      for (Index kx = 0; kx < p.x.kernel; ++kx) {
        const Range across = places(p.x, kx);
        for (Index oy = 0; oy < p.y.output; ++oy, columns += p.x.output) {
          const Index iy = input_of(p.y, oy, ky);
          const bool exists = iy >= 0 && iy < p.y.input;
          f(columns, exists ? across : Range{0, 0}, x + iy * p.x.input + input_of(p.x, 0, kx));
        }
      }
}

/// columns (channels, kernels, outputs) = the inputs that each place reads, 0 for padding.
template <class T>
void im2col(const Plane& p, Index channels, const T* x, T* columns) {
  const Index stride = p.x.stride, outputs = p.x.output;
  each_row(p, channels, columns, x, [=](T* to, Range present, const T* row) {
    std::fill(to, to + present.first, T(0));
    std::fill(to + present.last, to + outputs, T(0));
    if (stride == 1)
      std::copy(row + present.first, row + present.last, to + present.first);
    else
      for (Index o = present.first; o < present.last; ++o) to[o] = row[o * stride];
  });
}

/// x += columns where they were read.
template <class T>
void col2im(const Plane& p, Index channels, const T* columns, T* x) {
  const Index stride = p.x.stride;
  each_row(p, channels, columns, x, [=](const T* from, Range present, T* row) {
    for (Index o = present.first; o < present.last; ++o) row[o * stride] += from[o];
  });
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
  Index depth = c.in_channels * c.plane.kernels();
  Index places = c.plane.outputs();

  template <class Memory>
  Memory input(Memory x, Index image, Index group) const {
    return x.plus((image * c.groups + group) * c.in_channels * c.plane.inputs(), t);
  }
  template <class Memory>
  Memory output(Memory y, Index image, Index group) const {
    return y.plus((image * c.groups + group) * c.out_channels * places, t);
  }
  template <class Memory>
  Memory weight(Memory w, Index group) const {
    return w.plus(group * c.out_channels * depth, t);
  }
  Index columns_bytes() const {
    return is_plain(c.plane) ? 0 : depth * places * static_cast<Index>(size_of(t));
  }
  /// (depth, places) of an image's group, in `memory` unless the image itself will do.
  In columns(In x, void* memory) const {
    if (is_plain(c.plane)) return x;
    with_floating(
        t, [&]<class T>(T) { im2col<T>(c.plane, c.in_channels, x, static_cast<T*>(memory)); });
    return memory;
  }
  Index work() const { return c.out_channels * depth * places; }
};

/// The same factors in the other order.
Zeros swapped(Zeros z) {
  return z == Zeros::first ? Zeros::second : z == Zeros::second ? Zeros::first : z;
}

}  // namespace

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
  each(c.images * c.groups, m.work(), [&](Index i) {
    const Index image = i / c.groups, group = i % c.groups;
    const Scratch memory(m.columns_bytes());
    const Out to = m.input(call.dx, image, group),
              columns = is_plain(c.plane) ? to : Out(memory.get());
    // (out, depth)^T x (out, places)
    execute(Gemm{call.type, true, false, m.depth, m.places, c.out_channels, m.weight(call.w, group),
                 m.depth, m.output(call.g, image, group), m.places, 0, columns, m.places,
                 swapped(call.zeros)});
    if (is_plain(c.plane)) return;
    with_floating(call.type, [&]<class T>(T) {
      std::fill_n(static_cast<T*>(to), c.in_channels * c.plane.inputs(), T(0));
      col2im<T>(c.plane, c.in_channels, static_cast<const T*>(columns), to);
    });
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
      const In from = m.input(call.x, image, group);
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
void run(const MaxPositions& call, Index plane) {
  const Plane& p = call.plane;
  const T* const x = call.x.plus(plane * p.inputs(), call.type);
  Index* index = call.index + plane * p.outputs();
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
void each_average(const Averaging& call, F f) {
  const Plane& p = call.plane;
  for (Index oy = 0; oy < p.y.output; ++oy)
    for (Index ox = 0; ox < p.x.output; ++ox) {
      const Range down = taps(p.y, oy), across = taps(p.x, ox);
      const Index present = (down.last - down.first) * (across.last - across.first);
      const T scale = T(1) / static_cast<T>(call.count_padding ? p.kernels() : present);
      for (Index ky = down.first; ky < down.last; ++ky)
        for (Index kx = across.first; kx < across.last; ++kx)
          f(oy * p.x.output + ox, input_of(p.y, oy, ky) * p.x.input + input_of(p.x, ox, kx), scale);
    }
}

template <class T>
void run(const Average& call, Index plane) {
  const T* const x = call.x.plus(plane * call.plane.inputs(), call.type);
  T* const out = call.out.plus(plane * call.plane.outputs(), call.type);
  std::fill_n(out, call.plane.outputs(), T(0));
  each_average<T>(call, [=](Index place, Index at, T scale) { out[place] += scale * x[at]; });
}

template <class T>
void run(const AverageBackward& call, Index plane) {
  const T* const g = call.g.plus(plane * call.plane.outputs(), call.type);
  T* const dx = call.dx.plus(plane * call.plane.inputs(), call.type);
  std::fill_n(dx, call.plane.inputs(), T(0));
  each_average<T>(call, [=](Index place, Index at, T scale) { dx[at] += scale * g[place]; });
}

template <class Call>
void run_planes(const Call& call) {
  with_floating(call.type, [&]<class T>(T) {
    each(call.planes, call.plane.outputs() * call.plane.kernels(),
         [&](Index plane) { run<T>(call, plane); });
  });
}

}  // namespace

void execute(const MaxPositions& call) { run_planes(call); }
void execute(const Average& call) { run_planes(call); }
void execute(const AverageBackward& call) { run_planes(call); }

}  // namespace gradus::kernels
