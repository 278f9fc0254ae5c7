"""What goes on over several tasks, as states that are told what happened and say what follows: no I/O, no clock."""

from selector.flows._course import Begun, Course, Rotation, Saved
from selector.flows._purposes import Purposes
from selector.flows._switches import SessionEvent, Switches
from selector.flows._worth import saves

__all__ = ["Begun", "Course", "Purposes", "Rotation", "Saved", "SessionEvent", "Switches", "saves"]
