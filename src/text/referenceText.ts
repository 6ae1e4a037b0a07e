// Plain English that stands for other texts: what is measured of a model is measured while it reads this.
export const REFERENCE_TEXT =
  `The ferry left at seven, as it did on every day of the year. On board were a teacher
with a box of apples, two sisters who did not speak, and an old man who had promised to bring the
clock back. "Will there be a storm?" asked the younger sister. Nobody answered, for the water was
flat and grey, and the first lights of the island could already be seen behind the rocks. When they
landed, the teacher gave each of them an apple and said that it was the last one.`.replaceAll(
    '\n',
    ' ',
  );

const MORE = `The old man went up the hill with the clock under his arm. It was heavier than he had
thought, and twice he had to put it down on the wall and rest. From there he could see the whole
harbour, the white boats and the long grey pier, and he remembered the day when he had left. He had
been young then, and he had been sure that he would never come back. At the top of the hill stood a
small house with a green door. A boy was sitting on the step, and he had a little dog with him. "Who
are you?" asked the boy. "I knew your grandmother," said the old man. "Is she at home?" The boy looked
at him for a long time, and then he shook his head. "She is in the garden," he said. "She is always in
the garden when the sun shines. But you must speak loudly, because she does not hear well any more."
So the old man went round the house, and there she was, between the apple trees, with a basket in her
hand. She did not look up at first. He put the clock on the grass and wound it, and it began to strike.
One, two, three, four, five. Then the woman turned round, and the basket fell from her hand, and all
the apples rolled into the grass. "You are late," she said at last, and she laughed. "I know," said the
old man. "I had to find the key." They sat down together under the tree, and the dog came and lay at
their feet. In the evening the two sisters came along the road. They had found an inn, but there was
only one room in it, and so they had begun to speak to each other again. The boy gave them milk and
bread, and they ate it in the kitchen while the rain fell on the roof. The teacher came last of all. He
had no more apples, and when he saw how many there were in the garden he had to smile.`.replaceAll(
  '\n',
  ' ',
);

/** Longer, for what has to be told apart by small differences. */
export const LONG_TEXT = `${REFERENCE_TEXT} ${MORE}`;
