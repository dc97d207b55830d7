"""A small data set in the real layout of every format, for the tests of what is sniffed and read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from labelled import film, stills, write_picture

from trackforge import data

SIZE = (64, 48)


def put(path: Path, text: str) -> Path:
    """Write a file and the folders on the way to it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def written(name: str, *, video: bool) -> Callable[[Path], Path]:
    """Return a maker of a set that our own writer made."""

    def make(root: Path) -> Path:
        data.write((film if video else stills)(root / "source"), root / "set", name)
        return root / "set"

    return make


KITTI = """\
0 -1 DontCare -1 -1 -10 219.31 188.49 245.50 218.56 -1000 -1000 -1000 -10 -1 -1 -1
0 0 Van 0 0 -1.793451 296.744956 161.752147 455.226042 292.372804 2.0 1.823255 4.433886 -4.552284 1.858523 13.41 -2.115
0 2 Pedestrian 0 1 -2.523309 1106.137292 166.576807 1204.470628 323.876144 1.714 0.767 0.972 6.301 1.652 8.455 -1.9
2 0 Van 1 0 -1.8 294.9 156.0 452.2 284.6 2.0 1.8 4.4 -4.6 1.8 13.4 -2.1
"""


def kitti(root: Path) -> Path:
    """KITTI tracking as it is unpacked: two parts, one without labels."""
    put(root / "training/label_02/0000.txt", KITTI)
    for k in range(3):
        write_picture(root / f"training/image_02/0000/{k:06d}.png", SIZE, k)
    write_picture(root / "testing/image_02/0000/000000.png", SIZE)
    return root


VISDRONE = """\
1,0,406,119,265,70,0,0,0,0
1,7,16,12,32,24,1,4,0,0
1,8,16,12,12,24,1,1,0,1
2,7,17,12,32,24,1,4,1,0,
3,9,16,12,32,24,1,11,0,2
3,10,1,2,3,4,0,9,0,0
"""


def visdrone(root: Path) -> Path:
    """VisDrone's videos, two parts."""
    for part in ("train", "val"):
        folder = root / f"VisDrone2019-MOT-{part}"
        put(folder / "annotations/uav0000013_00000_v.txt", VISDRONE)
        for k in range(4):
            write_picture(folder / f"sequences/uav0000013_00000_v/{k + 1:07d}.jpg", SIZE, k)
    return root


def visdrone_stills(root: Path) -> Path:
    """VisDrone's stills: their lines end in a comma."""
    put(root / "annotations/0000001_00000_d_0000001.txt", "16,12,32,24,1,4,0,0,\n50,2,14,8,0,0,0,0\n")
    put(root / "annotations/0000002_00000_d_0000002.txt", "1,2,3,4,1,10,0,0\n")
    write_picture(root / "images/0000001_00000_d_0000001.jpg", SIZE)
    write_picture(root / "images/0000002_00000_d_0000002.jpg", SIZE)
    return root


def uavdt(root: Path) -> Path:
    """UAVDT: labels and pictures in folders of their own."""
    labels = root / "UAV-benchmark-MOTD_v1.0/GT"
    put(labels / "M0101_gt_whole.txt", "1,1,4,5,10,10,1,1,1\n2,1,5,5,10,10,1,2,1\n2,2,20,20,8,8,3,1,3\n")
    put(labels / "M0101_gt.txt", "1,1,4,5,10,10,1,-1,-1\n")
    put(labels / "M0101_gt_ignore.txt", "1,1,40,30,20,10,1,-1,-1\n")
    put(labels / "M0201_gt_whole.txt", "1,1,4,5,10,10,1,1,2\n")
    put(root / "M_attr/train/M0101_attr.txt", "1,0,0\n")
    put(root / "M_attr/test/M0201_attr.txt", "1,0,0\n")
    for k in range(3):
        write_picture(root / f"UAV-benchmark-M/M0101/img{k + 1:06d}.jpg", SIZE, k)
    return root


ODGT = [
    {
        "ID": "273271,c9db000d5146c15",
        "gtboxes": [
            {
                "tag": "person", "fbox": [-4, 2, 16, 40], "vbox": [0, 2, 8, 40], "hbox": [1, 2, 6, 8],
                "head_attr": {"ignore": 0, "occ": 1, "unsure": 0}, "extra": {"box_id": 0, "occ": 1},
            },
            {
                "tag": "person", "fbox": [30, 2, 16, 40], "vbox": [30, 2, 16, 40], "hbox": [31, 2, 6, 8],
                "head_attr": {"ignore": 1}, "extra": {"box_id": 1, "ignore": 1},
            },
            {"tag": "mask", "fbox": [50, 0, 10, 10], "vbox": [50, 0, 10, 10], "hbox": [50, 0, 10, 10],
             "extra": {"ignore": 1}},
        ],
    },
    {"ID": "273278,c9db000a1b2c3d4", "gtboxes": []},
]  # fmt: skip


def crowdhuman(root: Path) -> Path:
    """CrowdHuman: two lists, one folder of pictures."""
    put(root / "annotation_train.odgt", "".join(json.dumps(one) + "\n" for one in ODGT))
    put(root / "annotation_val.odgt", json.dumps({"ID": "1,b", "gtboxes": ODGT[0]["gtboxes"][:1]}) + "\n")
    for name in ("273271,c9db000d5146c15", "273278,c9db000a1b2c3d4", "1,b"):
        write_picture(root / f"Images/{name}.jpg", SIZE)
    return root


DETRAC = """\
<?xml version="1.0" encoding="utf-8"?>
<sequence name="MVI_20011">
   <sequence_attribute camera_state="unstable" sence_weather="sunny"/>
   <ignored_region>
      <box left="40.5" top="4.25" width="10" height="20"/>
   </ignored_region>
   <frame density="2" num="1">
      <target_list>
         <target id="1">
            <box left="5.5" top="10" width="16" height="12"/>
            <attribute orientation="18.488" speed="6.859" truncation_ratio="0.1" vehicle_type="car"/>
         </target>
         <target id="2">
            <box left="30" top="10" width="6" height="5"/>
            <attribute orientation="19.398" speed="1.5055" truncation_ratio="0" vehicle_type="bus"/>
            <occlusion>
               <region_overlap occlusion_id="1" occlusion_status="0" left="30" top="10" width="2" height="2"/>
            </occlusion>
         </target>
      </target_list>
   </frame>
   <frame density="1" num="3">
      <target_list>
         <target id="1">
            <box left="7.5" top="10" width="16" height="12"/>
            <attribute orientation="18.5" speed="6.9" trajectory_length="72" truncation_ratio="0" vehicle_type="car"/>
         </target>
      </target_list>
   </frame>
</sequence>
"""


def detrac(root: Path) -> Path:
    """UA-DETRAC: labels and pictures in folders of their own, frame 2 without a target."""
    put(root / "DETRAC-Train-Annotations-XML/MVI_20011.xml", DETRAC)
    put(root / "DETRAC-Test-Annotations-XML/MVI_39031.xml", DETRAC.replace("MVI_20011", "MVI_39031"))
    for k in range(3):
        write_picture(root / f"Insight-MVT_Annotation_Train/MVI_20011/img{k + 1:05d}.jpg", SIZE, k)
    return root


def cvat_box(frame: int, x: float, *, outside: int = 0, keyframe: int = 1, more: str = "", inner: str = "") -> str:
    """Return a box of a CVAT track, 10 wide and 20 high."""
    return (
        f'    <box frame="{frame}" keyframe="{keyframe}" outside="{outside}" occluded="0" xtl="{x}" ytl="5" '
        f'xbr="{x + 10}" ybr="25" z_order="0"{more}>{inner}</box>\n'
    )


def cvat_xml(tracks: str, *, size: int = 6, start: int = 0, step: int = 1, name: str = "street") -> str:
    """Return CVAT's XML for video; the size is in frames of the task."""
    step_text = f"step={step}" if step > 1 else ""
    return f"""<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta>
    <task>
      <id>5</id>
      <name>{name}</name>
      <size>{size}</size>
      <mode>interpolation</mode>
      <overlap>5</overlap>
      <start_frame>{start}</start_frame>
      <stop_frame>{start + (size - 1) * step}</stop_frame>
      <frame_filter>{step_text}</frame_filter>
      <z_order>False</z_order>
      <labels>
        <label><name>person</name><attributes></attributes></label>
        <label><name>car</name><attributes></attributes></label>
      </labels>
      <original_size><width>64</width><height>48</height></original_size>
    </task>
    <dumped>2020-04-23 09:05:02.335612+00:00</dumped>
    <source>street.mp4</source>
  </meta>
{tracks}</annotations>
"""


def cvat(root: Path) -> Path:
    """CVAT's export of a video task, with its pictures."""
    track = '  <track id="0" label="person" source="manual">\n' + cvat_box(0, 1) + cvat_box(4, 9)
    put(root / "annotations.xml", cvat_xml(track + cvat_box(5, 9, outside=1) + "  </track>\n"))
    for k in range(6):
        write_picture(root / f"images/frame_{k:06d}.PNG", SIZE, k)
    return root


CVAT_IMAGES = """\
<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta>
    <task>
      <id>4</id>
      <name>v</name>
      <size>2</size>
      <mode>annotation</mode>
      <labels><label><name>person</name></label><label><name>car</name></label></labels>
    </task>
  </meta>
  <image id="0" name="a/img0.jpg" width="64" height="48">
    <box label="car" occluded="1" source="manual" xtl="0" ytl="2" xbr="4" ybr="4" z_order="1">
      <attribute name="colour">red</attribute>
      <attribute name="track_id">12</attribute>
      <attribute name="plate">0042</attribute>
    </box>
    <polygon label="car" points="1,2;3,4;6,5" z_order="1"/>
    <polyline label="car" points="1,2;3,4;6,5" z_order="1"/>
  </image>
  <image id="1" name="a/img1.jpg" width="64" height="48">
  </image>
</annotations>
"""


def cvat_images(root: Path) -> Path:
    """CVAT's export of an image task, with its pictures."""
    put(root / "annotations.xml", CVAT_IMAGES)
    write_picture(root / "images/a/img0.jpg", SIZE)
    write_picture(root / "images/a/img1.jpg", SIZE)
    return root


def bdd_frame(index: int, labels: list[dict], video: str = "b1c66a42") -> dict:
    """Return a frame of BDD100K's tracking labels."""
    return {
        "name": f"{video}-{index + 1:07d}.jpg", "videoName": video, "frameIndex": index, "labels": labels,
    }  # fmt: skip


def bdd_label(number: str, category: str, x: float, **attributes: bool) -> dict:
    """Return a label of BDD100K, 10 wide and 8 high."""
    box = {"x1": x, "y1": 4.5, "x2": x + 10, "y2": 12.5}
    return {"id": number, "category": category, "attributes": attributes, "box2d": box}


def scalabel(root: Path) -> Path:
    """BDD100K's tracking labels, a file a video, and pictures."""
    frames = [
        bdd_frame(0, [bdd_label("00122063", "car", 1.5, occluded=True), bdd_label("7", "other person", 30)]),
        bdd_frame(1, [bdd_label("00122063", "car", 2.5), bdd_label("8", "pedestrian", 40, crowd=True)]),
        bdd_frame(2, []),
    ]  # fmt: skip
    put(root / "labels/box_track_20/train/b1c66a42.json", json.dumps(frames))
    put(root / "labels/box_track_20/val/b2.json", json.dumps([bdd_frame(0, [bdd_label("1", "bus", 3)], "b2")]))
    write_picture(root / "images/track/val/b2/b2-0000001.jpg", SIZE)
    for k in range(3):
        write_picture(root / f"images/track/train/b1c66a42/b1c66a42-{k + 1:07d}.jpg", SIZE, k)
    return root


def mot_sequence(folder: Path, *, frames: int = 2, truth: bool = True, digits: int = 6) -> None:
    """Write a MOTChallenge sequence."""
    put(
        folder / "seqinfo.ini",
        f"[Sequence]\nname={folder.name}\nimDir=img1\nframeRate=25\nseqLength={frames}\n"
        "imWidth=64\nimHeight=48\nimExt=.jpg\n",
    )
    if truth:
        put(folder / "gt/gt.txt", "".join(f"{k + 1},1,{k},2,10,20,1,1,1\n" for k in range(frames)))
    for k in range(frames):
        write_picture(folder / f"img1/{k + 1:0{digits}d}.jpg", SIZE, k)


def dancetrack(root: Path) -> Path:
    """DanceTrack: parts with sequences, and a seqmap beside each."""
    for part, name in (("train", "dancetrack0001"), ("val", "dancetrack0004"), ("test", "dancetrack0003")):
        mot_sequence(root / part / name, truth=part != "test", digits=8)
        put(root / f"{part}_seqmap.txt", f"name\n{name}\n")
    return root


def sportsmot(root: Path) -> Path:
    """SportsMOT as it is published: sequences three folders down, lists without a heading."""
    names = {"train": "v_-6Os86HzwCs_c001", "val": "v_00HRwkvvjtQ_c001", "test": "v_-9kabh1K8UA_c008"}
    for part, name in names.items():
        mot_sequence(root / "dataset" / part / name, truth=part != "test")
        put(root / f"splits_txt/{part}.txt", f"{name}\n")
    put(root / "splits_txt/basketball.txt", f"{names['train']}\n{names['val']}\n")
    return root


def sagemaker_json(root: Path) -> Path:
    """The built-in Object Detection's channels as AWS's documentation has them: whole numbers, folders in `file`."""
    for part, number in (("train", 0), ("train", 1), ("validation", 2)):
        document = {
            "file": f"your_image_directory/sample_image{number}.jpg",
            "image_size": [{"width": 64, "height": 48, "depth": 3}],
            "annotations": [
                {"class_id": 0, "left": 11, "top": 13, "width": 21, "height": 28},
                {"class_id": 2, "left": 1, "top": 3, "width": 4, "height": 5},
            ],
            "categories": [{"class_id": 0, "name": "dog"}, {"class_id": 2, "name": "cat"}],
        }
        put(root / f"{part}_annotation/sample_image{number}.json", json.dumps(document))
        write_picture(root / f"{part}/sample_image{number}.jpg", SIZE, number)
    return root


def manifest_line(name: str, boxes: list[dict], classes: dict[str, str], **more: object) -> str:
    """Return a line of Ground Truth's output for bounding boxes."""
    document = {
        "source-ref": f"s3://bucket/photos/2022/{name}",
        "category": {"image_size": [{"width": 64, "height": 48, "depth": 3}], "annotations": boxes},
        "category-metadata": {
            "objects": [{"confidence": 0.93} for _ in boxes],
            "class-map": classes,
            "type": "groundtruth/object-detection",
            "human-annotated": "yes",
            "creation-date": "2022-09-12T09:51:00.148118",
            "job-name": "labeling-job/ground-truth-od-demo",
        },
        **more,
    }
    return json.dumps(document) + "\n"


def manifest(root: Path) -> Path:
    """Ground Truth's output.manifest: floats, a picture without boxes, one whose labelling failed."""
    bird = {"class_id": 0, "top": 4.6, "left": 8.8, "height": 9, "width": 4.8}
    fish = {"class_id": 1, "top": 1, "left": 2, "height": 3.5, "width": 4}
    failed = {"source-ref": "s3://bucket/photos/2022/d.jpg", "category-metadata": {"failure-reason": "expired"}}
    text = manifest_line("a.jpg", [bird], {"0": "Bird"}) + manifest_line(
        "b.jpg", [bird, fish], {"0": "Bird", "1": "Fish"}
    )
    put(root / "output.manifest", text + manifest_line("c.jpg", [], {}) + json.dumps(failed) + "\n")
    for number, name in enumerate("abcd"):
        write_picture(root / f"2022/{name}.jpg", SIZE, number)
    return root


def ground_truth(root: Path) -> Path:
    """What a job on video leaves in S3, and the pictures that went into it."""
    labels = {"height": 20, "width": 9, "top": 1, "left": 3, "class-id": "0", "label-category-attributes": {},
              "object-id": "480dc450-c0ca-11ea-961f-a9b1c5c97972", "object-name": "Car:1"}  # fmt: skip
    frames = [{"annotations": [labels], "frame-no": "0", "frame": "000001.jpg", "frame-attributes": {}},
              {"annotations": [], "frame-no": "1", "frame": "000002.jpg", "frame-attributes": {}}]  # fmt: skip
    place = "annotations/consolidated-annotation/output/0/SeqLabel.json"
    put(root / place, json.dumps({"tracking-annotations": frames}))
    metadata = {"class-map": {"0": "Car"}, "type": "groundtruth/video-object-tracking"}
    line = {"source-ref": "s3://b/street.json", "l-ref": f"s3://b/{place}", "l-ref-metadata": metadata}
    put(root / "manifests/output/output.manifest", json.dumps(line) + "\n")
    for k in range(2):
        write_picture(root / f"street/{k + 1:06d}.jpg", SIZE, k)
    return root


def stream(root: Path) -> Path:
    """What Pipe mode makes of a manifest."""
    data.write(stills(root / "source"), root / "set", "augmented-manifest", wrapped=True)
    return root / "set"


SAMPLES: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "jde": ("jde", written("jde", video=True)),
    "mot": ("mot", written("mot", video=True)),
    "dancetrack": ("mot", dancetrack),
    "sportsmot": ("seqmaps", sportsmot),
    "kitti": ("kitti", kitti),
    "visdrone": ("visdrone", visdrone),
    "visdrone-stills": ("visdrone", visdrone_stills),
    "uavdt": ("uavdt", uavdt),
    "crowdhuman": ("crowdhuman", crowdhuman),
    "detrac": ("detrac", detrac),
    "cvat": ("cvat", cvat),
    "cvat-images": ("cvat-images", cvat_images),
    "scalabel": ("scalabel", scalabel),
    "recordio": ("recordio", written("recordio", video=False)),
    "sagemaker-json": ("sagemaker-json", sagemaker_json),
    "augmented-manifest": ("augmented-manifest", manifest),
    "ground-truth": ("ground-truth", ground_truth),
    "stream": ("augmented-manifest", stream),
    "coco": ("coco", written("coco", video=True)),
    "voc": ("voc", written("voc", video=False)),
    "yolo": ("yolo", written("yolo", video=False)),
}
"""What to call a sample, which format it is, and what makes it."""
