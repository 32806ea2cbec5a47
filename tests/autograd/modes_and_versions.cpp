// Recording on and off, and values that are overwritten behind a graph's back.
#include <thread>

#include "gradus/autograd.hpp"
#include "gradus/ops.hpp"
#include "support/catch.hpp"
#include "support/numbers.hpp"

using namespace gradus;
using gradus::test::contains;
using gradus::test::leaf;
using gradus::test::Numbers;
using gradus::test::numbers;

namespace {
Tensor my_square(const Tensor& x) {
  return custom(
      "my_square", {x}, [](const std::vector<Tensor>& in) { return in[0] * in[0]; },
      [](const Vjp& k) { return k.grad * 2 * k.in(0); });
}
Tensor by_result(const Tensor& x) {  // x^2 again, from sqrt(out) = x for x > 0
  return custom(
      "from_result", {x}, [](const std::vector<Tensor>& in) { return in[0] * in[0]; },
      [](const Vjp& k) { return k.grad * k.out(); });
}
}  // namespace

TEST_CASE("NoGrad and EnableGrad nest and end with their scope") {
  Tensor x = leaf(1);
  CHECK(is_grad_enabled());
  {
    const NoGrad off;
    CHECK_FALSE(is_grad_enabled());
    CHECK_FALSE((x * 2).requires_grad());
    {
      const EnableGrad on;
      CHECK((x * 2).requires_grad());
      {
        const NoGrad off_again;
        CHECK_FALSE((x * 2).requires_grad());
      }
      CHECK(is_grad_enabled());
    }
    CHECK_FALSE(is_grad_enabled());
  }
  CHECK(is_grad_enabled());
  try {
    const NoGrad off;
    throw 1;
  } catch (int) {
  }
  CHECK(is_grad_enabled());
}

TEST_CASE("the mode of recording belongs to a thread") {
  const NoGrad off;
  bool there = false, after = true;
  std::thread([&] {
    there = is_grad_enabled();
    const NoGrad inner;
    after = is_grad_enabled();
  }).join();
  CHECK(there);
  CHECK_FALSE(after);
  CHECK_FALSE(is_grad_enabled());
}

TEST_CASE("nothing is recorded for integers, masks or constants") {
  const Tensor i = tensor({1, 2}, int64);
  CHECK((i + i).is_leaf());
  CHECK((tensor(1) * 2).is_leaf());
  Tensor x = leaf(2);
  CHECK_FALSE(x.to(int64).requires_grad());
  CHECK(x.to(float32).requires_grad());
  CHECK(std::string((x * 2).operation()) == "mul");
  CHECK(std::string(x.operation()).empty());
}

TEST_CASE("overwriting an input that a derivative needs throws and names the operation") {
  Tensor x = leaf({1, 2});
  Tensor c = tensor({3, 4}, float64);
  const Tensor y = sum(x * c);
  c.fill_(0);
  CHECK_THROWS_WITH(y.backward(),
                    contains("[mul]") && contains("input 1") && contains("changed in place"));
  CHECK_FALSE(x.grad().defined());

  const Tensor z = sum(my_square(x));
  {
    const NoGrad guard;
    x.mutable_data<double>()[0] = 7;
  }
  CHECK_THROWS_WITH(z.backward(), contains("[my_square]") && contains("input 0"));
  CHECK_FALSE(x.grad().defined());
}

TEST_CASE("overwriting a result that a derivative needs throws and names the operation") {
  Tensor x = leaf({1, 2});
  Tensor y = by_result(x);
  const Tensor z = sum(y * 2);
  {
    const NoGrad guard;
    y.fill_(0);
  }
  CHECK_THROWS_WITH(z.backward(), contains("[from_result]") && contains("result"));
  CHECK_FALSE(x.grad().defined());
}

TEST_CASE("overwriting through a view, a detached handle or copy_ is noticed") {
  Tensor x = leaf({1, 2});
  for (int way = 0; way < 3; ++way) {
    Tensor c = tensor({3, 4}, float64);
    const Tensor y = sum(x * c);
    if (way == 0) reshape(c, {2, 1}).fill_(0);
    if (way == 1) c.detach().fill_(0);
    if (way == 2) c.copy_(ones({2}, float64));
    CHECK_THROWS_WITH(y.backward(), contains("[mul]"));
  }
}

TEST_CASE("overwriting what no derivative needs does no harm") {
  Tensor x = leaf({1, 2});
  Tensor c = tensor({3, 4}, float64);
  Tensor s = x + c;
  const Tensor y = sum(s * 2);
  c.fill_(0);
  {
    const NoGrad guard;
    s.fill_(9);
    x.fill_(9);
  }
  y.backward();
  CHECK(numbers(x.grad()) == Numbers{2, 2});
  // The input that is needed for nobody's gradient:
  x.set_grad({});
  Tensor k = tensor({3, 4}, float64);
  const Tensor z = sum(x * k);
  {
    const NoGrad guard;
    x.fill_(1);  // d/dx needs k alone
  }
  z.backward();
  CHECK(numbers(x.grad()) == Numbers{3, 4});
}

TEST_CASE("mutators count versions and refuse leaves while recording") {
  Tensor x = leaf({1, 2});
  CHECK(x.version() == 0);
  CHECK_THROWS_WITH(x.fill_(0), contains("[fill_]") && contains("NoGrad"));
  CHECK_THROWS_WITH(x.copy_(ones({2}, float64)), contains("[copy_]") && contains("NoGrad"));
  CHECK_THROWS_WITH(x.mutable_data<double>(), contains("[mutable_data]"));
  Tensor h = x * 2;
  CHECK_THROWS_WITH(h.fill_(0), contains("[fill_]"));
  CHECK(x.version() == 0);
  CHECK(numbers(x) == Numbers{1, 2});
  {
    const NoGrad guard;
    x.fill_(5);
    x.copy_(tensor({7, 8}));
    x.mutable_data<double>()[1] = 9;
  }
  CHECK(x.version() == 3);
  CHECK(numbers(x) == Numbers{7, 9});
  CHECK_THROWS_WITH(x.mutable_data<float>(), contains("float64") && contains("float32"));
}

TEST_CASE("copy_ broadcasts and converts, and refuses what does not fit") {
  Tensor x = zeros({2, 3});
  x.copy_(tensor({1, 2, 3}, int64));
  CHECK(x.to_vector<float>() == std::vector<float>{1, 2, 3, 1, 2, 3});
  CHECK_THROWS_WITH(x.copy_(zeros({4, 2, 3})), contains("[copy_]") && contains("(4, 2, 3)"));
  CHECK_THROWS_WITH(x.copy_(zeros({2})), contains("[copy_]") && contains("(2,)"));
  CHECK(x.version() == 1);
}
