from __future__ import annotations
import sys, cv2, time
from bench.motion.peers import PEERS, Ours
from bench.motion.scenes import TUNING_SEEDS
from bench.motion.score import run

cv2.setNumThreads(1)
t = time.time()
sc = run(
    PEERS if "--all" in sys.argv else PEERS[:2] if "--two" in sys.argv else PEERS[:1],
    TUNING_SEEDS[:1] if "--quick" in sys.argv else TUNING_SEEDS,
)
for n, s in sc.items():
    print(n, f"{s.us_per_frame:.0f} us beside={s.false_while_moving:.2f}")
    print("   ", {k: (round(v, 1), s.longest_false_run[k]) for k, v in s.false_frames.items()})
    print("   ", {k: round(v, 1) for k, v in s.found.items()}, s.missed if n.startswith("edge") else "")
print(time.time() - t)
