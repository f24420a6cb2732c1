"""Skin, hair, clothes and what people carry."""

from __future__ import annotations

import cv2
import numpy as np

from training.draw.body import Body, Bool, Phenotype, Shape
from training.draw.shapes import Mesh, Points, Solid, ball, box, cone, hull, normals, rod

SKINS = np.array([[0.95, 0.80, 0.68], [0.85, 0.66, 0.50], [0.55, 0.38, 0.27], [0.35, 0.23, 0.16]])
SKIN_SHARES = (0.35, 0.4, 0.17, 0.08)
HAIRS = np.array([[0.05, 0.04, 0.04], [0.12, 0.08, 0.06], [0.35, 0.33, 0.32], [0.3, 0.18, 0.1]])
HAIR_SHARES = (0.6, 0.2, 0.15, 0.05)
STRAW = np.array([0.85, 0.78, 0.58])


def cloth_colour(rng: np.random.Generator) -> Points:
    """Mostly grey, black, white or blue."""
    kind = rng.random()
    if kind < 0.45:
        grey = rng.uniform(0.03, 0.95)
        colour = np.array([grey, grey, grey]) + rng.normal(0, 0.02, 3)
    elif kind < 0.6:
        colour = np.array([rng.uniform(0.05, 0.25), rng.uniform(0.08, 0.35), rng.uniform(0.2, 0.6)])
    else:
        hue, saturation, value = rng.uniform(0, 180), rng.uniform(40, 220), rng.uniform(40, 250)
        one = np.array([[[hue, saturation, value]]], np.uint8)
        colour = cv2.cvtColor(one, cv2.COLOR_HSV2RGB)[0, 0] / 255.0
    return np.asarray(np.clip(colour, 0.01, 1.0))


def pattern(rng: np.random.Generator, rest: Points) -> Points:
    """Colours of a garment's points by their place at rest: plain, stripes, checks, two parts or spots."""
    colours = np.tile(cloth_colour(rng), (len(rest), 1))
    kind = rng.random()
    if 0.55 <= kind < 0.7:
        stripes = np.sin(rest[:, 2] * rng.uniform(8, 40) * 2) > rng.uniform(-0.5, 0.5)
        colours[stripes] = cloth_colour(rng)
    elif 0.7 <= kind < 0.8:
        count = rng.uniform(20, 60)
        colours[np.sin(rest[:, 0] * count) * np.sin(rest[:, 2] * count) > 0] = cloth_colour(rng)
    elif 0.8 <= kind < 0.9:
        above = rest[:, 2] > rng.uniform(rest[:, 2].min(), rest[:, 2].max())
        colours[above] = cloth_colour(rng)
    elif kind >= 0.9:
        waves = np.sin(rest @ rng.normal(0, 12, (3, 3)).T).sum(1)
        colours = colours * (1 + 0.35 * waves[:, None] / 3)
    folds = np.sin(rest @ rng.normal(0, 25, (4, 3)).T + rng.uniform(0, 6, 4)).mean(1)
    return np.asarray(np.clip(colours * (1 + rng.uniform(0, 0.25) * folds[:, None]), 0, 1))


def dressed(body: Body, shape: Shape, who: Phenotype, rng: np.random.Generator) -> list[Mesh]:
    """A person with everything, in the pose of ``shape``."""
    skin = SKINS[rng.choice(4, p=SKIN_SHARES)] * rng.uniform(0.8, 1.05)
    heights = _heights(body, shape)
    return [
        *_head_and_skin(body, shape, who, skin, rng),
        *_clothes(body, shape, who, heights, rng),
        *_hat(body, shape, rng),
        *_bags(body, shape, rng),
    ]


def _heights(body: Body, shape: Shape) -> Points:
    """Of each point, at rest: 0 at the soles, 1 at the top of the head."""
    of_skin = shape.rest[body.skin][:, 2]
    return np.asarray((shape.rest[:, 2] - of_skin.min()) / (of_skin.max() - of_skin.min()))


def _head_and_skin(
    body: Body, shape: Shape, who: Phenotype, skin: Points, rng: np.random.Generator
) -> list[Mesh]:
    u = rng.uniform
    faces, count = body.faces["skin"], len(shape.rest)
    scalp = _scalp(body, shape)
    colour = HAIRS[rng.choice(4, p=HAIR_SHARES)]
    bald = who["gender"] > 0.5 and rng.random() < 0.06
    colours = np.tile(skin, (count, 1))
    if not bald:
        colours[scalp] = colour
    meshes = [Mesh(shape.posed, faces, colours)]
    if not bald:
        out = shape.posed + normals(shape.posed, faces) * u(0.012, 0.03)
        meshes.append(Mesh(out, faces[scalp[faces].all(1)], np.tile(colour, (count, 1))))
    if who["gender"] < 0.5 and rng.random() < 0.8:
        long = body.faces["hair"]
        lowest = shape.rest[np.unique(long)][:, 2].max() - u(0.22, 0.55)
        kept = long[(shape.rest[long][:, :, 2] > lowest).all(1)]
        meshes.append(Mesh(shape.posed, kept, np.tile(colour * u(0.8, 1.2), (count, 1))))
    return meshes


def _scalp(body: Body, shape: Shape) -> Bool:
    head = body.at("head") & body.skin
    low, high = shape.rest[head].min(0), shape.rest[head].max(0)
    _, back, up = ((shape.rest - low) / (high - low)).T
    return np.asarray(
        head & ((up > 0.8) | ((back > 0.52) & (up > 0.3)) | ((back > 0.42) & (up > 0.62))), np.bool_
    )


def _clothes(
    body: Body, shape: Shape, who: Phenotype, heights: Points, rng: np.random.Generator
) -> list[Mesh]:
    """Trousers or a skirt, shoes and a shirt: parts of the tights, moved outwards."""
    u = rng.uniform
    tights = body.faces["tights"]
    out = normals(shape.posed, tights)
    if rng.random() < 0.2 and who["gender"] < 0.5:
        faces = body.faces["skirt"]
        faces = faces[(heights[faces] > u(0.08, 0.35)).all(1)]
        meshes = [Mesh(shape.posed, faces, pattern(rng, shape.rest))]
    else:
        hem = rng.choice([u(0.04, 0.08), u(0.12, 0.3)], p=[0.72, 0.28])
        legs = body.at("upperleg", "lowerleg", "pelvis", "root", "spine05", "foot", "toe")
        kept = body.tights & legs & (heights > hem) & (heights < 0.6)
        wide = u(0.004, 0.03) * np.clip((0.5 - heights) / 0.4, 0, 1)[:, None] + 0.006
        faces = tights[kept[tights].all(1)]
        meshes = [Mesh(shape.posed + out * wide, faces, pattern(rng, shape.rest))]
    feet = body.tights & (heights < 0.045)
    shoes = np.tile(cloth_colour(rng), (len(heights), 1))
    meshes.append(Mesh(shape.posed + out * 0.008, tights[feet[tights].all(1)], shoes))
    meshes.append(_shirt(body, shape, heights, out, rng))
    return meshes


def _shirt(body: Body, shape: Shape, heights: Points, out: Points, rng: np.random.Generator) -> Mesh:
    u = rng.uniform
    tights = body.faces["tights"]
    hem = u(0.44, 0.53) if rng.random() < 0.85 else u(0.3, 0.44)
    arms = body.at("upperarm01") if rng.random() < 0.6 else body.at("upperarm", "lowerarm")
    if rng.random() < 0.08:
        arms = body.at("shoulder01")
    trunk = body.at("spine", "clavicle", "shoulder", "neck01", "breast", "pelvis", "root", "upperleg")
    kept = body.tights & ((trunk & (heights > hem)) | arms)
    wide = 0.012 + u(0.006, 0.04) * np.clip(1 - np.abs(heights - 0.55) / 0.25, 0, 1)
    faces = tights[kept[tights].all(1)]
    return Mesh(shape.posed + out * wide[:, None], faces, pattern(rng, shape.rest))


def _hat(body: Body, shape: Shape, rng: np.random.Generator) -> list[Mesh]:
    """By chance a conical hat of straw, or a cap."""
    u = rng.uniform
    head = shape.posed[body.at("head") & body.skin]
    top, middle = head[head[:, 2].argmax()], head.mean(0)
    kind = rng.random()
    if kind < 0.1:
        return [cone(u(0.19, 0.24), u(0.19, 0.24), u(0.14, 0.2)).painted(STRAW * u(0.7, 1.1), top)]
    if kind >= 0.2:
        return []
    colour = cloth_colour(rng)
    meshes = [ball(0.115, 0.13, 0.1).painted(colour, (middle[0], middle[1] + 0.01, top[2] - 0.08))]
    if rng.random() < 0.7:
        peak = (middle[0], middle[1] - 0.11, top[2] - 0.09)
        meshes.append(ball(0.08, 0.09, 0.012).painted(colour, peak))
    return meshes


def _bags(body: Body, shape: Shape, rng: np.random.Generator) -> list[Mesh]:
    """By chance a rucksack, and something in each hand."""
    u = rng.uniform
    meshes: list[Mesh] = []
    if rng.random() < 0.15:
        back = shape.posed[body.at("spine02", "spine03") & body.skin]
        colour = cloth_colour(rng)
        at = (back[:, 0].mean(), back[:, 1].max() + 0.07, back[:, 2].mean())
        meshes.append(box(u(0.25, 0.34), u(0.12, 0.2), u(0.3, 0.45)).painted(colour, at))
    for side in ("L", "R"):
        if rng.random() < 0.13:
            hand = shape.posed[body.at(f"finger3-1.{side}", f"metacarpal3.{side}")].mean(0)
            x, y, z = u(0.08, 0.15), u(0.15, 0.4), u(0.15, 0.4)
            held = box(x, y, z).painted(cloth_colour(rng), hand - (0, 0, z / 2 + 0.05))
            meshes.append(held.uncounted())
    return meshes


def rainwear(body: Body, shape: Shape, rng: np.random.Generator) -> list[Mesh]:
    """A poncho over trunk and arms, and mostly its hood."""
    u = rng.uniform
    trunk = body.skin & body.at("spine", "clavicle", "shoulder", "upperarm", "lowerarm", "pelvis")
    covered = shape.posed[trunk]
    hem = covered * (1.05, 1.05, 1) - (0, 0, u(0.05, 0.35))
    colour = cloth_colour(rng)
    meshes = [hull(np.concatenate([covered, hem])).painted(colour)]
    if rng.random() < 0.7:
        head = shape.posed[body.at("head") & body.skin]
        meshes.append(ball(0.12, 0.14, 0.15).painted(colour, np.add(head.mean(0), (0, 0.03, 0.02))))
    return meshes


def umbrella(body: Body, shape: Shape, rng: np.random.Generator) -> list[Mesh]:
    u = rng.uniform
    head = shape.posed[body.at("head") & body.skin]
    hand = shape.posed[body.at(f"finger3-1.{rng.choice(('L', 'R'))}")].mean(0)
    middle = np.add(head.mean(0), (u(-0.15, 0.15), u(-0.2, 0.1), u(0.15, 0.35)))
    whole = ball(u(0.4, 0.6), u(0.4, 0.6), u(0.15, 0.3))
    upper = Solid(whole.points, whole.faces[(whole.points[whole.faces][:, :, 2] > -0.01).all(1)])
    meshes = [upper.painted(cloth_colour(rng), middle), rod(hand, middle, 0.012).painted((0.2, 0.2, 0.2))]
    return [mesh.uncounted() for mesh in meshes]


def shoulder_pole(body: Body, shape: Shape, rng: np.random.Generator) -> list[Mesh]:
    """A pole over one shoulder with a basket at each end."""
    u = rng.uniform
    shoulder = shape.posed[body.at(f"clavicle.{rng.choice(('L', 'R'))}") & body.skin].mean(0)
    half, hanging, colour = u(0.6, 0.8), u(0.5, 0.75), STRAW * u(0.4, 1.1)
    meshes = [rod((0, -half, 0), (0, half, 0), 0.02).painted(STRAW * 0.6)]
    for end in (-half, half):
        meshes.append(ball(0.25, 0.25, u(0.12, 0.22)).painted(colour, (0, end, -hanging)))
        for x in (-0.2, 0.2):
            meshes.append(rod((0, end, 0), (x, end, -hanging), 0.008).painted(colour * 0.7))
    return [mesh.moved(shoulder).moved((0, 0, 0.06)).uncounted() for mesh in meshes]
