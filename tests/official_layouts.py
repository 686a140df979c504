"""Made pictures in the exact official layouts of CelebA and Stanford Cars, and the landmarks and boxes that go with them."""

import io
import zipfile

import numpy as np
import scipy.io
from handmade import encoded

FACES = "img_align_celeba"
PARTITION, LANDMARKS, IDENTITY = "list_eval_partition.txt", "list_landmarks_align_celeba.txt", "identity_CelebA.txt"
POINTS = "lefteye_x lefteye_y righteye_x righteye_y nose_x nose_y leftmouth_x leftmouth_y rightmouth_x rightmouth_y"
FACE = ((69, 111), (108, 111), (88, 133), (72, 152), (105, 152))
"""About where the five points of an aligned face are."""
ALL_FACES, TRAIN_FACES, VAL_FACES = 202_599, 162_770, 182_637
ALL_CARS = 16_185
BOXES = ("bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2")


def gradient(seed, width, height):
    """A picture that runs from one colour into another, with a little noise; every seed gives its own."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j][..., None]
    corners = random.uniform(40, 215, (3, 3))
    pixels = corners[0] + rows * (corners[1] - corners[0]) + columns * (corners[2] - corners[0])
    return (pixels + random.normal(0, 4, pixels.shape)).clip(0, 255).astype(np.uint8)


def face_name(number):
    return f"{number:06d}.jpg"


def official_part(number):
    """0, 1 or 2 for the number of a picture, as the official list has it."""
    return (number > TRAIN_FACES) + (number > VAL_FACES)


def partition(parts, end="\r\n"):
    """The partition list: a part (0, 1, 2) for each picture in turn."""
    return "".join(f"{face_name(number)} {part}{end}" for number, part in enumerate(parts, 1))


def landmarks(points):
    """The landmark list: five points for each picture in turn, columns padded with blanks as in the official file."""
    lines = [str(len(points)), POINTS]
    for number, five in enumerate(points, 1):
        lines.append(" ".join([face_name(number), *(f"{value:<4}" for point in five for value in point)]).rstrip())
    return "\n".join(lines) + "\n"


def celeba(count=12, *, parts=None, points=None, people=None, pictures=None):
    """The files of a small CelebA by name; parts, points, people and pictures are one for each of `count`."""
    parts = parts or [0] * (count - 4) + [1] * 2 + [2] * 2
    people = people or [100 + number // 2 for number in range(count)]
    pictures = pictures or [encoded(gradient(number, 178, 218), "JPEG") for number in range(count)]
    return {
        **{f"{FACES}/{face_name(number)}": data for number, data in enumerate(pictures, 1)},
        PARTITION: partition(parts),
        LANDMARKS: landmarks(points or [FACE] * count),
        IDENTITY: "".join(f"{face_name(number)} {person}\r\n" for number, person in enumerate(people, 1)),
    }


def with_zipped_faces(files):
    """The same with img_align_celeba.zip, as it is downloaded, in place of the folder."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.mkdir(FACES)
        for name, data in files.items():
            if name.startswith(f"{FACES}/"):
                archive.writestr(name, data)
    return {**{name: data for name, data in files.items() if "/" not in name}, f"{FACES}.zip": held.getvalue()}


def annotations(rows, fields):
    """The bytes of a .mat file whose struct array `annotations` has these fields, in this order."""
    found = np.empty((1, len(rows)), dtype=[(field, object) for field in fields])
    for place, row in enumerate(rows):
        for field in fields:
            value = row[field]
            found[0, place][field] = value if isinstance(value, str) else np.array([[value]], dtype=np.uint16)
    held = io.BytesIO()
    scipy.io.savemat(held, {"annotations": found}, do_compression=True)
    return held.getvalue()


def car(seed):
    """A picture of a car, one might say: its bytes, and its box, counted from 1 and its last pixel included."""
    random = np.random.default_rng(seed)
    width, height = (int(number) for number in random.integers(60, 90, 2))
    left, top = (int(number) for number in random.integers(1, 20, 2))
    box = (left, top, left + int(random.integers(20, 40)), top + int(random.integers(20, 40)))
    return encoded(gradient(1000 + seed, width, height), "JPEG"), box


def rows_of(names, boxes, name_field, tests=None):
    """A row of annotations for each car."""
    rows = []
    for place, (name, box) in enumerate(zip(names, boxes, strict=True)):
        rows.append({**dict(zip(BOXES, box, strict=True)), "class": 1 + place % 7, name_field: name})
        if tests is not None:
            rows[-1]["test"] = int(tests[place])
    return rows


PARTS_FIELDS = (*BOXES, "class", "fname")
WHOLE_FIELDS = ("relative_im_path", *BOXES, "class", "test")


def cars_in_parts(train=6, test=3, *, fields=PARTS_FIELDS, boxes=None, pictures=None, devkit="devkit/", labels=True):
    """The files of small Stanford Cars as cars_train, cars_test and devkit; boxes and pictures are those of train."""
    made = {"train": [car(seed) for seed in range(train)], "test": [car(500 + seed) for seed in range(test)]}
    files = {}
    for part, cars in made.items():
        names = [f"{number:05d}.jpg" for number in range(1, len(cars) + 1)]
        data, around = zip(*cars, strict=True)
        if part == "train":
            data, around = pictures or data, boxes or around
        files |= {f"cars_{part}/{name}": each for name, each in zip(names, data, strict=True)}
        file = "cars_test_annos_withlabels.mat" if part == "test" and labels else f"{devkit}cars_{part}_annos.mat"
        files[file] = annotations(rows_of(names, around, "fname"), fields)
    return files


def cars_in_one(count=9, *, fields=WHOLE_FIELDS, test=lambda number: number > 6):
    """The files of small Stanford Cars as car_ims and cars_annos.mat."""
    numbers = range(1, count + 1)
    names = [f"car_ims/{number:06d}.jpg" for number in numbers]
    data, boxes = zip(*(car(seed) for seed in range(count)), strict=True)
    rows = rows_of(names, boxes, "relative_im_path", [test(number) for number in numbers])
    return {**dict(zip(names, data, strict=True)), "cars_annos.mat": annotations(rows, fields)}
